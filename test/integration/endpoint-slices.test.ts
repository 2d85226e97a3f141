import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { HttpSliceApi, type SliceEvent } from '../../src/control/kubernetes/slice-api.ts';
import { type ClusterFault, type FakeCluster, startFakeCluster } from '../support/fake-cluster.ts';
import { eventually } from '../support/raw.ts';
import { freePorts, type Stack, stackSettings, startStack } from '../support/stack.ts';

const never = new AbortController().signal;
const slice = (name: string, port: number, ...addresses: string[]) => ({
  name,
  port,
  endpoints: addresses.map((address) => ({ address })),
});

describe('the API of EndpointSlices over HTTP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-slices-'));
  let cluster: FakeCluster;
  let api: HttpSliceApi;

  before(async () => {
    cluster = await startFakeCluster();
    writeFileSync(join(folder, 'namespace'), 'shop\n');
    api = new HttpSliceApi(
      {
        origin: cluster.origin,
        caFile: undefined,
        tokenFile: join(folder, 'token'),
        namespaceFile: join(folder, 'namespace'),
      },
      'app',
      undefined,
    );
  });
  beforeEach(() => {
    cluster.fault = 'none';
    writeFileSync(join(folder, 'token'), 'first\n');
    cluster.set([slice('app-1', 80, '10.0.0.1', '10.0.0.2'), slice('app-2', 80, '10.0.0.3')]);
  });
  after(async () => {
    api.close();
    await cluster.shut();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a list has all its pages, of the own namespace, and the token as it is now', async () => {
    writeFileSync(join(folder, 'token'), 'second\n');
    const { slices, version } = await api.list(never);
    assert.deepEqual(
      slices.map(({ metadata }) => metadata.name),
      ['app-1', 'app-2'],
    );
    assert.match(version, /^\d+$/);
    assert.match(
      cluster.seen().at(-1) ?? '',
      /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/shop\/endpointslices\?labelSelector=kubernetes\.io%2Fservice-name%3Dapp&limit=500&continue=1 Bearer second$/,
    );
  });

  const listFaults: readonly (readonly [ClusterFault, RegExp])[] = [
    ['garbage', /^Error: the list is no JSON: it begins with "<html>proxy error<\/html>"$/],
    ['forbidden', /^Error: the API server answered 403: endpointslices is forbidden: cannot list$/],
    ['cut', /./],
  ];
  for (const [fault, message] of listFaults) {
    test(`a list with the fault "${fault}" is an error that says what is wrong`, async () => {
      cluster.fault = fault;
      await assert.rejects(api.list(never), (error) => message.test(String(error)));
    });
  }

  test('a list that never ends ends with its signal', async () => {
    cluster.fault = 'hangs';
    await assert.rejects(api.list(AbortSignal.timeout(200)), /aborted|timeout/i);
  });

  test('a watch tells what changes, and rejects when its version is too old', async () => {
    const told: string[] = [];
    const onEvent = (event: SliceEvent): void =>
      void told.push(event.kind === 'removed' ? `- ${event.name}` : `+ ${event.slice.metadata.name}`);
    const ending = new AbortController();
    const watching = api.watch('1', onEvent, ending.signal);
    const ended = assert.rejects(watching);
    await eventually('the watch is open', () => cluster.openWatches() === 1);
    cluster.set([slice('app-1', 80, '10.0.0.1')]);
    await eventually('both changes are told', () => told.length === 2);
    assert.deepEqual(told, ['- app-2', '+ app-1']);
    ending.abort();
    await ended;
    cluster.fault = 'gone';
    await assert.rejects(api.watch('1', onEvent, never), /the watch was ended: too old resource version/);
  });
});

describe('backends in EndpointSlices, over processes', () => {
  const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
  const [one, two, three, four] = HOSTS;
  let cluster: FakeCluster;
  let stack: Stack;
  let port: number;
  const servers: Server[] = [];

  const config = (): ConfigFile => ({
    upstreams: {
      app: {
        cap: 4,
        healthPath: '/health',
        discover: { endpointSlices: 'app', namespace: 'shop', port: 'http', api: cluster.origin },
      },
    },
    routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
  });
  const set = (...addresses: string[]): void => cluster.set([slice('app-1', port, ...addresses)]);
  const up = async (): Promise<string> =>
    ((await stack.status().catch(() => undefined))?.backends ?? [])
      .filter((each) => each.up && each.backend.endsWith(`:${port}`))
      .map(({ backend }) => backend.split(':')[0])
      .toSorted()
      .join(' ');
  const becomes = (...addresses: string[]) =>
    eventually(`${addresses.join(' ')} serve`, async () => (await up()) === addresses.join(' '), 15_000);

  const says = (problem: RegExp, limitMs: number) =>
    eventually('the status says why', async () => problem.test(JSON.stringify(await stack.status())), limitMs);

  before(async () => {
    cluster = await startFakeCluster();
    port = await freePorts(1);
    for (const host of HOSTS) {
      const server = createServer((_, res) => void res.end(host));
      servers.push(server);
      await new Promise<void>((resolve) => void server.listen(port, host, resolve));
    }
    set(one);
    const settings = await stackSettings({ GENERATOR_INSTANCES: '1' });
    const path = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
    writeFileSync(path, `export default ${JSON.stringify(config())};\n`);
    stack = await startStack({ ...settings, RAMPART_CONFIG: path });
  });
  after(async () => {
    await stack.stop();
    await cluster.shut();
    for (const server of servers) server.close();
  });

  test('pods that come and go are followed at once, also where the server repeats itself', async () => {
    await becomes(one);
    set(one, two, three);
    await becomes(one, two, three);
    cluster.fault = 'repeats';
    set(one, two, three, four);
    await becomes(one, two, three, four);
    cluster.fault = 'stale-events';
    set(one, two, three);
    await becomes(one, two, three);
    cluster.fault = 'none';
    assert.equal(await (await fetch(`${stack.url}/any`)).text().then((host) => HOSTS.includes(host as never)), true);
  });

  test('a pod that ends leaves at once, and one that is starting does not serve', async () => {
    cluster.set([
      {
        name: 'app-1',
        port,
        endpoints: [
          { address: one },
          { address: two, state: 'ending' },
          { address: three, state: 'ending' },
          { address: four, state: 'starting' },
        ],
      },
    ]);
    await becomes(one);
    set(one, two, three);
    await becomes(one, two, three);
  });

  test('without the API server the backends stay, over a kill of control too; then the truth is read', async () => {
    await cluster.shut();
    const { control } = await stack.status();
    process.kill(control.pid, 'SIGKILL');
    await eventually(
      'another control is there',
      async () => (await stack.status().catch(() => undefined))?.control.pid !== control.pid,
      15_000,
    );
    await becomes(one, two, three);
    const replies = await Promise.all(Array.from({ length: 30 }, async () => (await fetch(stack.url + '/any')).status));
    assert.deepEqual(new Set(replies), new Set([200]));
    await says(/ECONNREFUSED/, 15_000);
    await cluster.open();
    set(two, three, four);
    await becomes(two, three, four);
  });

  test('an empty list is never acted on', async () => {
    cluster.fault = 'empty';
    await cluster.shut();
    await cluster.open();
    const before = cluster.lists();
    await eventually('it was asked', () => cluster.lists() > before, 35_000);
    await says(/is its name right/, 5000);
    await becomes(two, three, four);
    assert.equal((await fetch(stack.url + '/any')).status, 200);
  });
});
