import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { put } from './certificate-files.ts';
import { selfSigned } from './certificates.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { startBackend, startGateway } from './proxying.ts';

const folders: string[] = [];
export const sockets: Socket[] = [];
/** For the `afterEach` of a test file. */
export function closeTls(): void {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-tls-'));
  folders.push(folder);
  return folder;
}

export const shop = selfSigned('DNS:shop.example');
const wild = selfSigned('DNS:*.wild.example');

type Said = Readonly<Record<string, unknown>>;

/** A gateway with certificates for shop.example (the default) and *.wild.example, in front of a backend that tells what it got. */
export async function startSecure(more: TestGatewayOptions & { tls?: TestGatewayOptions['tls'] } = {}) {
  const folder = newFolder();
  const { certFile, keyFile } = put(folder, 'shop', shop);
  const { origin } = await startBackend((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('late'), 300);
    else req.pipe(res.setHeader('x-got', JSON.stringify(req.headers)));
  });
  const said: Said[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void said.push(JSON.parse(line) as Said) });
  const rampart = await startGateway([origin], {
    log,
    ...more,
    env: { TLS_PORT: '443', TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, ...more.env },
    tls: { certificates: [put(folder, 'wild', wild)], ...more.tls },
  });
  await rampart.gateway.listen({ host: '127.0.0.1', port: 0 }, 'tls');
  return { rampart, folder, said, port: rampart.gateway.addressOf('tls')?.port ?? 0 };
}

export function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      servername: 'shop.example',
      ...options,
    });
    sockets.push(socket);
    socket.once('secureConnect', () => resolve(socket)).on('error', reject);
  });
}

export const namesIn = (socket: TLSSocket): string => socket.getPeerCertificate().subjectaltname ?? '';

/** Sends a request, and resolves with what came until the other side is silent or done. */
export function ask(
  socket: TLSSocket,
  text: string,
  until: (said: string) => boolean = (said) => said.includes('\r\n\r\n'),
): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const take = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
      if (until(said)) done();
    };
    const done = (): void => {
      socket.off('data', take).off('close', done);
      resolve(said);
    };
    socket.on('data', take).on('close', done);
    socket.write(text);
  });
}

export const get = (path: string, host = 'shop.example'): string => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
export const value = (rampart: TestGateway, metric: string): number =>
  Number(new RegExp(`^${metric.replaceAll(/[{}"]/g, '\\$&')} (\\d+)`, 'm').exec(rampart.metrics())?.[1] ?? 0);
