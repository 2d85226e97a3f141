import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { freePorts, type Stack, stackSettings, startStack } from '../support/stack.ts';
import { startValkey, type TestValkey, withoutValkey } from '../support/valkey-server.ts';

/** A loopback address is another backend on each host, which they do not share; a name is not taken for one. */
const ownHost =
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? hostname();

describe('/readyz of hosts in a fleet', { skip: withoutValkey }, () => {
  const app = createServer((_, res) => void res.end('served'));
  let valkey: TestValkey;

  before(async () => {
    valkey = await startValkey();
    await new Promise<void>((resolve) => void app.listen(0, ownHost, resolve));
  });
  after(async () => {
    await valkey.close();
    app.close();
    app.closeAllConnections();
  });

  /** `hostId`: a file with the name of another host, which this one takes over. */
  async function startHost(url: string, hostId?: string): Promise<Stack> {
    const settings = await stackSettings({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '1', VALKEY_URL: url });
    const folder = settings['RAMPART_DATA_DIR'] as string;
    mkdirSync(folder, { recursive: true });
    if (hostId !== undefined) cpSync(hostId, join(folder, 'host-id'));
    const config = {
      upstreams: {
        app: { backends: [`http://${ownHost}:${(app.address() as AddressInfo).port}`], cap: 8, scope: 'fleet' },
      },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
    };
    const RAMPART_CONFIG = join(folder, 'rampart.config.ts');
    writeFileSync(RAMPART_CONFIG, `export default ${JSON.stringify(config)};\n`);
    return startStack({ ...settings, RAMPART_CONFIG });
  }
  const ready = async ({ url }: Stack): Promise<string> => {
    const reply = await fetch(`${url}/readyz`);
    return `${reply.status} ${await reply.text()}`;
  };
  const becomes = (host: Stack, wanted: RegExp, limitMs: number) =>
    eventually(`/readyz is ${wanted.source}`, async () => wanted.test(await ready(host)), limitMs);

  test('a host is ready with its lease, not while another process has its name, and again when that one is gone', async () => {
    const first = await startHost(valkey.url);
    try {
      await becomes(first, /^200/, 5000);
      const copy = await startHost(valkey.url, join(first.dataDir, 'host-id'));
      try {
        await becomes(first, /^503.*another process runs under the name/s, 10_000);
        await becomes(copy, /^200/, 10_000);
      } finally {
        await copy.stop();
      }
      await becomes(first, /^200/, 20_000);
    } finally {
      await first.stop();
    }
  });

  test('a host that starts without Valkey is ready soon, and serves what it may', async () => {
    const host = await startHost(`redis://127.0.0.1:${await freePorts(1)}`);
    try {
      await becomes(host, /^200/, 10_000);
      // It has no floor yet, and no `expectedHosts`.
      const reply = await fetch(`${host.url}/any`);
      assert.equal(reply.status, 503);
      assert.match(await reply.text(), /no-backend|queue-timeout|overloaded/);
    } finally {
      await host.stop();
    }
  });
});
