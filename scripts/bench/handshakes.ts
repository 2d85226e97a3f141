import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { put } from '../../test/support/certificate-files.ts';
import { selfSigned } from '../../test/support/certificates.ts';
import { startReloadHost } from '../../test/support/reload-host.ts';
import { freePorts } from '../../test/support/stack.ts';

const WORKERS = 8;
const HANDSHAKES = 10_000;
const CLIENTS = 8;
const RELOADS = 100;
const PER_SECOND = 500;
const KEPT_CONNECTIONS = 16;
const SILENT_AFTER_MS = 10_000;

const request = 'GET /bench HTTP/1.1\r\nhost: shop.example\r\n\r\n';

/** Resumed handshakes over eight workers, and certificates that are replaced under load: a table of what failed. */
export async function benchHandshakes(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-bench-handshakes-'));
  const pair = (): ReturnType<typeof put> => put(folder, 'shop', selfSigned('DNS:shop.example'));
  const { certFile, keyFile } = pair();
  const port = await freePorts(1);
  const host = await startReloadHost(
    (origins) => ({
      upstreams: { app: { backends: [...origins], cap: 64 } },
      routes: [{ endpoint: 'all', path: '/*', upstream: 'app', authenticate: false }],
    }),
    {
      env: {
        GATEWAY_WORKERS: String(WORKERS),
        TLS_PORT: String(port),
        TLS_CERT_FILE: certFile,
        TLS_KEY_FILE: keyFile,
      },
    },
  );
  try {
    const lines = [await handshakes(port, true), await handshakes(port, false), await reloadsUnderLoad(port, pair)];
    return lines.join('\n');
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Clients that make one connection after another and resume a session that they have.
 *
 * `keeps`: whether a client uses a ticket again if it has no newer one. Node sends two tickets after a full handshake of
 * TLS 1.3 and none after a resumed one, so a client that uses each once makes every second handshake in full here.
 */
async function handshakes(port: number, keeps: boolean): Promise<string> {
  let left = HANDSHAKES;
  let resumed = 0;
  let failed = 0;
  const client = async (): Promise<void> => {
    let session: Buffer | undefined;
    while (left-- > 0) {
      const outcome = await exchange(port, session).catch(() => undefined);
      if (outcome === undefined) failed++;
      else if (outcome.isResumed) resumed++;
      session = outcome?.session ?? (keeps ? session : undefined);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const share = ((resumed / HANDSHAKES) * 100).toFixed(2);
  const how = keeps ? 'that keep their ticket' : 'that use the newest ticket once';
  return `- ${HANDSHAKES} handshakes of ${CLIENTS} clients ${how}, over ${WORKERS} workers: ${resumed} resumed (${share} %; the first of each client cannot), ${failed} failed.`;
}

async function exchange(port: number, session?: Buffer): Promise<{ isResumed: boolean; session: Buffer | undefined }> {
  const socket = await open(port, session);
  let latest: Buffer | undefined;
  socket.on('session', (ticket: Buffer) => (latest = ticket));
  await ask(socket);
  const isResumed = socket.isSessionReused();
  socket.destroy();
  return { isResumed, session: latest };
}

function open(port: number, session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'shop.example', rejectUnauthorized: false };
    const socket = connect(session === undefined ? options : { ...options, session });
    socket.setTimeout(SILENT_AFTER_MS, () => socket.destroy(new Error('silent')));
    // After the handshake, 'close' follows every error and is what counts.
    socket.once('secureConnect', () => resolve(socket)).on('error', reject);
  });
}

/** One request on the connection; rejects unless its reply is a 200. */
function ask(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const end = (error?: Error): void => {
      socket.off('data', take).off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const take = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
      if (!said.endsWith('/bench')) return;
      end(said.startsWith('HTTP/1.1 200 ') ? undefined : new Error(said.slice(0, 40)));
    };
    const closed = (): void => end(new Error('closed'));
    socket.on('data', take).once('close', closed);
    socket.write(request);
  });
}

interface Load {
  sent: number;
  failed: string[];
  isOver: boolean;
}

/** Half of the requests on kept connections, half on fresh ones, while the files are replaced again and again. */
async function reloadsUnderLoad(port: number, replace: () => unknown): Promise<string> {
  const load: Load = { sent: 0, failed: [], isOver: false };
  const clients = Promise.all([
    ...Array.from({ length: KEPT_CONNECTIONS }, () => keptClient(port, load)),
    freshClient(port, load),
  ]);
  const startedAt = performance.now();
  const seenAfterMs: number[] = [];
  let shown = await fingerprint(port);
  for (let index = 0; index < RELOADS; index++) {
    replace();
    const replacedAt = performance.now();
    const before = shown;
    while (shown === before) {
      if (performance.now() - replacedAt > SILENT_AFTER_MS) throw new Error('The new certificate is not in force');
      await pause(20);
      shown = await fingerprint(port);
    }
    seenAfterMs.push(performance.now() - replacedAt);
  }
  load.isOver = true;
  await clients;
  const perSecond = (load.sent / (performance.now() - startedAt)) * 1000;
  for (const failure of load.failed.slice(0, 5)) console.log(failure);
  const [p50, p99] = [0.5, 0.99].map((at) => quantile(seenAfterMs, at).toFixed(0));
  return `- ${RELOADS} new certificates at ${perSecond.toFixed(0)} requests/s, half on fresh connections: ${load.failed.length} of ${load.sent} failed; a new one was first seen after ${p50} ms (median) and ${p99} ms (p99).`;
}

async function fingerprint(port: number): Promise<string> {
  const socket = await open(port);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

async function keptClient(port: number, load: Load): Promise<void> {
  const everyMs = (1000 * KEPT_CONNECTIONS * 2) / PER_SECOND;
  let socket = await open(port);
  let nextAt = performance.now();
  while (!load.isOver) {
    nextAt += everyMs;
    load.sent++;
    await ask(socket).catch(async (error: Error) => {
      load.failed.push(`kept: ${error.message}`);
      socket = await open(port);
    });
    await pause(Math.max(0, nextAt - performance.now()));
    // A gateway closes a connection of some age with a reply that says so.
    if (socket.destroyed || socket.readableEnded) socket = await open(port);
  }
  socket.destroy();
}

async function freshClient(port: number, load: Load): Promise<void> {
  const open = new Set<Promise<unknown>>();
  let nextAt = performance.now();
  while (!load.isOver) {
    nextAt += 2000 / PER_SECOND;
    load.sent++;
    const one = exchange(port)
      .catch((error: Error) => load.failed.push(`fresh: ${error.message}`))
      .finally(() => open.delete(one));
    open.add(one);
    await pause(Math.max(0, nextAt - performance.now()));
  }
  await Promise.all(open);
}
