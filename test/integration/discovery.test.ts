import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { type DnsAnswer, type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/raw.ts';
import { freePorts, type Stack, startStack, stackSettings } from '../support/stack.ts';

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'] as const;
const CAP = 2;
const LIMIT_MS = 15_000;

describe('backends in DNS, over processes', () => {
  let dns: DnsServer;
  let stack: Stack;
  let path: string;
  let port: number;
  const servers: Server[] = [];
  const held: { host: string; res: ServerResponse }[] = [];
  const inFlight = new Map<string, number>();
  const most = new Map<string, number>();

  /** The same port on each address, as the replicas of one service have it. */
  function startBackends(): Promise<unknown> {
    return Promise.all(
      HOSTS.map((host) => {
        const server = createServer((req, res) => {
          if (req.url === '/health') return void res.end('ok');
          const now = (inFlight.get(host) ?? 0) + 1;
          inFlight.set(host, now);
          most.set(host, Math.max(most.get(host) ?? 0, now));
          const answer = (): void => {
            inFlight.set(host, (inFlight.get(host) ?? 0) - 1);
            res.end(host);
          };
          if (req.url === '/held') held.push({ host, res });
          else setTimeout(answer, 5);
        });
        servers.push(server);
        return new Promise<void>((resolve) => void server.listen(port, host, resolve));
      }),
    );
  }

  const withDiscovery = (discover: object): ConfigFile => ({
    upstreams: {
      app: {
        cap: CAP,
        queueTimeoutMs: 10_000,
        healthPath: '/health',
        discover: { servers: [dns.address], minSeconds: 0.2, maxSeconds: 0.4, ...discover },
      },
    },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
  });
  const byAddress = (): ConfigFile => withDiscovery({ dns: 'app.internal', port });
  const write = (config: ConfigFile): void => writeFileSync(path, `export default ${JSON.stringify(config)};\n`);
  async function reload(config: ConfigFile): Promise<void> {
    write(config);
    const { code, stdout, stderr } = await stack.run('reload', '--force');
    assert.equal(code, 0, stdout + stderr);
  }
  const addresses = (...hosts: string[]): void =>
    void dns.zone.set('app.internal A', { type: 'A', addresses: hosts, ttl: 0 });
  /** Where eight requests go. */
  async function hostsUsed(): Promise<string[]> {
    const texts = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const reply = await fetch(`${stack.url}/x`).catch(() => undefined);
        return reply?.status === 200 ? reply.text() : String(reply?.status);
      }),
    );
    return [...new Set(texts)].toSorted();
  }
  const used = (...hosts: string[]): Promise<void> =>
    eventually(`requests go to ${hosts.join()}`, async () => (await hostsUsed()).join() === hosts.join(), LIMIT_MS);
  /** Sends requests until this backend has one that it does not answer; the others are answered then. */
  async function heldAt(host: string): Promise<{ res: ServerResponse; reply: Promise<string> }> {
    const elsewhere: { res: ServerResponse; reply: Promise<string> }[] = [];
    try {
      // Busy backends leave the next request to the others, so each of them gets one.
      while (elsewhere.length < HOSTS.length * CAP) {
        const reply = fetch(`${stack.url}/held`).then((one) => one.text());
        await eventually('a backend has it', () => held.length > 0);
        const [one] = held.splice(0);
        if (one?.host === host) return { res: one.res, reply };
        if (one !== undefined) elsewhere.push({ res: one.res, reply });
      }
    } finally {
      for (const { res } of elsewhere) res.end('elsewhere');
      await Promise.all(elsewhere.map(({ reply }) => reply));
    }
    throw new Error(`no request went to ${host}`);
  }
  const lookUps = async (result: string): Promise<number> =>
    Number(
      new RegExp(`rampart_discovery_lookups_total\\{upstream="app",result="${result}"\\} (\\d+)`).exec(
        await stack.metrics(),
      )?.[1] ?? 0,
    );

  before(async () => {
    dns = await startDnsServer();
    port = await freePorts(1);
    await startBackends();
    const settings = await stackSettings({ GENERATOR_INSTANCES: '0' });
    path = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
    addresses('127.0.0.1', '127.0.0.2');
    write(byAddress());
    stack = await startStack({ ...settings, RAMPART_CONFIG: path });
  });
  after(async () => {
    await stack.stop();
    await dns.close();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  test('are used, join when they appear, and leave without a lost request when they disappear', async () => {
    await used('127.0.0.1', '127.0.0.2');
    addresses(...HOSTS);
    await used(...HOSTS);
    // One request that stays at a backend which leaves.
    const held = await heldAt('127.0.0.1');
    addresses('127.0.0.3');
    await used('127.0.0.3');
    held.res.end('late');
    assert.equal(await held.reply, 'late');
    inFlight.clear();
  });

  test('stay while DNS fails, lies or has nothing, also over the death of control and workers', async () => {
    addresses('127.0.0.1', '127.0.0.2');
    await used('127.0.0.1', '127.0.0.2');
    for (const fault of ['servfail', 'empty', 'nxdomain', 'garbage'] satisfies DnsAnswer[]) {
      const result = fault === 'servfail' || fault === 'garbage' ? 'failed' : 'empty';
      const count = await lookUps(result);
      dns.zone.set('app.internal A', fault);
      await eventually(`${fault} is counted`, async () => (await lookUps(result)) > count, LIMIT_MS);
      assert.deepEqual(await hostsUsed(), ['127.0.0.1', '127.0.0.2'], fault);
    }
    assert.match(stack.output(), /the known ones stay in use/);
    const shown = await stack.run('status');
    assert.deepEqual([shown.code, /discovery of upstream app: /.test(shown.stdout)], [1, true]);
    assert.match(await stack.metrics(), /rampart_discovered_backends\{upstream="app"\} 2\n/);
    const status = await stack.status();
    process.kill(status.control.pid, 'SIGKILL');
    for (const { pid } of status.workers) process.kill(pid, 'SIGKILL');
    await used('127.0.0.1', '127.0.0.2');
    await eventually('control is back', async () => (await lookUps('failed')) > 0, LIMIT_MS);
    assert.deepEqual(await hostsUsed(), ['127.0.0.1', '127.0.0.2']);
    addresses('127.0.0.2');
    await used('127.0.0.2');
  });

  test('keep their caps while the answers flap', async () => {
    most.clear();
    const load = { isOver: false };
    const statuses = new Map<number, number>();
    const clients = Array.from({ length: 20 }, async () => {
      while (!load.isOver) {
        const { status } = await fetch(`${stack.url}/x`).then(async (reply) => (await reply.text(), reply));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let round = 0; round < 12; round++) {
      addresses(...HOSTS.filter((_, index) => index !== round % 3));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    load.isOver = true;
    await Promise.all(clients);
    assert.deepEqual([...statuses.keys()], [200]);
    for (const host of HOSTS) assert.ok((most.get(host) ?? 0) <= CAP, `${most.get(host)} at ${host}`);
  });

  test('of SRV records come with their ports, and the second priority is used while the first is down', async () => {
    dns.zone.set('_http._tcp.app.internal SRV', {
      type: 'SRV',
      targets: [
        { name: 'first.internal', port, priority: 1 },
        { name: 'second.internal', port, priority: 2 },
      ],
    });
    dns.zone.set('first.internal A', { type: 'A', addresses: ['127.0.0.1'] });
    dns.zone.set('second.internal A', { type: 'A', addresses: ['127.0.0.3'] });
    await reload(withDiscovery({ srv: '_http._tcp.app.internal' }));
    await used('127.0.0.1');
    const [first] = servers;
    first?.closeAllConnections();
    first?.close();
    await used('127.0.0.3');
  });

  test('take the place of listed ones, which serve until DNS has answered, and give it back', async () => {
    const listed = withDiscovery({}).upstreams?.['app'];
    const { discover: _, ...others } = listed ?? {};
    await reload({ ...byAddress(), upstreams: { app: { ...others, backends: [`http://127.0.0.2:${port}`] } } });
    await used('127.0.0.2');
    dns.zone.set('app.internal A', 'servfail');
    await reload(byAddress());
    assert.deepEqual(await hostsUsed(), ['127.0.0.2']);
    addresses('127.0.0.3');
    await used('127.0.0.3');
    const { code, stdout } = await stack.run('check');
    assert.equal(code, 0, stdout);
  });
});
