import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from './certificates.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { closers, startGateway } from './proxying.ts';

const shop = selfSigned('DNS:shop.example');

/** A gateway with one route for everything, whose TLS listener has a certificate for shop.example and speaks HTTP/2. */
export async function startHttp2Gateway(
  origins: string[],
  more: TestGatewayOptions = {},
): Promise<{ rampart: TestGateway; port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-http2-'));
  closers.push(async () => rmSync(folder, { recursive: true, force: true }));
  const files = { TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem') };
  writeFileSync(files.TLS_CERT_FILE, shop.cert);
  writeFileSync(files.TLS_KEY_FILE, shop.key);
  const rampart = await startGateway(origins, {
    ...more,
    env: { TLS_PORT: '443', HTTP2: 'on', ...files, ...more.env },
  });
  await rampart.gateway.listen({ host: '127.0.0.1', port: 0 }, 'tls');
  return { rampart, port: rampart.gateway.addressOf('tls')?.port ?? 0 };
}
