import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { deployText, onlyWith } from '../support/deploy-files.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, runRampart, stackSettings, startStack } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';
import { withoutValkey } from '../support/valkey-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-fleet-run-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Started {
  readonly port: number;
  readonly child: ChildProcess;
}

describe('deploy/valkey', { skip: withoutValkey }, () => {
  const children: ChildProcess[] = [];
  after(async () => {
    for (const child of children) await endProcess(child, 'SIGKILL');
  });

  /** redis-server of Debian takes the same files. A sentinel gets the port in its file, which `text` replaces. */
  async function start(
    file: string,
    name: string,
    text = deployText(`valkey/${file}`),
    ...more: string[]
  ): Promise<Started> {
    const port = await freePorts(1);
    const place = join(folder, name);
    mkdirSync(place);
    writeFileSync(join(place, file), text.replace(/^port \d+$/m, `port ${port}`));
    const args = [join(place, file), '--dir', place, '--bind', '127.0.0.1', ...more];
    const argv0 = file === 'sentinel.conf' ? 'redis-sentinel' : 'redis-server';
    const child = spawn('/usr/bin/redis-check-rdb', args, { argv0, stdio: 'ignore' });
    children.push(child);
    await eventually(`${name} answers`, () => say(port, 'ping').includes('PONG'), 10_000);
    return { port, child };
  }
  const say = (port: number, ...command: string[]): string =>
    spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', timeout: 5000 }).stdout;

  test('a primary, a replica and a sentinel with these files serve a fleet, and fail over', async () => {
    const primary = await start('valkey.conf', 'primary');
    const replica = await start(
      'valkey.conf',
      'replica',
      undefined,
      '--replicaof',
      `127.0.0.1 ${primary.port}`,
      '--min-replicas-to-write',
      '0',
    );
    await eventually('the replica follows', () => say(replica.port, 'role').includes('connected'), 15_000);
    for (const [name, value] of [
      ['maxmemory-policy', 'noeviction'],
      ['min-replicas-to-write', '1'],
      ['appendfsync', 'everysec'],
    ] as const)
      assert.match(say(primary.port, 'config', 'get', name), new RegExp(`^${name}\n${value}\n`));
    const known = deployText('valkey/sentinel.conf').replace('valkey-0.valkey 6379 2', `127.0.0.1 ${primary.port} 1`);
    const sentinel = await start('sentinel.conf', 'sentinel', known);
    const replicas = (): string => say(sentinel.port, 'sentinel', 'replicas', 'rampart');
    await eventually('the sentinel knows the replica', () => replicas().includes(String(replica.port)), 20_000);
    const settings = await stackSettings({
      GENERATOR_INSTANCES: '0',
      VALKEY_URL: `redis-sentinel://127.0.0.1:${sentinel.port}/rampart`,
    });
    const check = async (): Promise<string> => (await runRampart(['check'], settings)).stdout;
    assert.match(await check(), /maxmemory-policy noeviction/);
    await endProcess(primary.child, 'SIGKILL');
    await eventually('the replica is the primary', () => say(replica.port, 'role').startsWith('master'), 20_000);
    // The replica is the primary before the sentinel has told anybody so.
    const isFound = async (): Promise<boolean> => /maxmemory-policy noeviction/.test(await check());
    await eventually('the sentinel names the new primary', isFound, 20_000);
    rmSync(settings['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
  });

  test('the cache evicts, and persists nothing', async () => {
    const { port } = await start('cache.conf', 'cache');
    assert.match(say(port, 'config', 'get', 'maxmemory-policy'), /allkeys-lru/);
    assert.match(say(port, 'config', 'get', 'save'), /^save\n\n/);
  });
});

test(
  'HAProxy with deploy/haproxy/fleet.cfg: a host that stops under load loses no request',
  onlyWith('/usr/sbin/haproxy'),
  async () => {
    const app = createServer((_, res) => setTimeout(() => res.end('served'), 5));
    await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
    const config = {
      upstreams: { app: { backends: [`http://127.0.0.1:${(app.address() as AddressInfo).port}`], cap: 64 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
    };
    const RAMPART_CONFIG = join(folder, 'rampart.config.ts');
    writeFileSync(RAMPART_CONFIG, `export default ${JSON.stringify(config)};\n`);
    const host = () =>
      startStack({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '1', RAMPART_CONFIG, SHUTDOWN_DELAY_MS: '5000' });
    const [one, other] = await Promise.all([host(), host()]);
    const port = await freePorts(1);
    const file = join(folder, 'haproxy.cfg');
    const lines = deployText('haproxy/fleet.cfg')
      .replace('bind :80\n', `bind 127.0.0.1:${port}\n`)
      .replace(/^ {2}bind :443 .*\n/m, '')
      .replace(/^.*scheme https code.*\n/m, '')
      .replace('10.0.0.11:8080', one.url.slice('http://'.length))
      .replace('10.0.0.12:8080', other.url.slice('http://'.length));
    writeFileSync(file, lines);
    const checked = spawnSync('/usr/sbin/haproxy', ['-c', '-q', '-f', file], { encoding: 'utf8' });
    assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', '']);
    const haproxy = spawn('/usr/sbin/haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    try {
      const url = `http://127.0.0.1:${port}`;
      const isServed = async () => (await fetch(`${url}/`).catch(() => undefined))?.status === 200;
      await eventually('HAProxy passes requests on', isServed, 10_000);
      const client = (keepAlive: boolean) =>
        startSteadyClient({ url, key: '', perSecond: 50, keepAlive, method: 'GET', path: '/' });
      const clients = [client(true), client(false)];
      assert.equal(await one.stop(), 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const { sent, outcomes } of await Promise.all(clients.map((each) => each.stop())))
        assert.deepEqual(outcomes, { '200': sent });
    } finally {
      await endProcess(haproxy, 'SIGTERM');
      await other.stop();
      app.close();
      app.closeAllConnections();
    }
  },
);
