import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildConfig, loadConfig } from '../../../src/config/config.ts';
import type { UpstreamConfig } from '../../../src/config/model.ts';
import { LeaseKeeper } from '../../../src/control/lease-keeper.ts';
import type { WireOrder } from '../../../src/protocol/lease-wire.ts';
import { ManualClock } from '../../support/manual-clock.ts';

async function open(path: string, more: Partial<UpstreamConfig> = {}) {
  const { env } = await loadConfig({}, import.meta.dirname);
  const file = { upstreams: { app: { backends: ['http://127.0.0.1:1'], cap: 8 } } };
  const upstreams = buildConfig(env, file, import.meta.dirname, new Set())
    .upstreams.filter(({ name }) => name === 'app')
    .map((upstream) => ({ ...upstream, ...more }));
  const clock = new ManualClock();
  const warnings: string[] = [];
  /** For each order that was sent, what lay in the file by then. */
  const sent: { member: string; kind: string; written: string }[] = [];
  const orders: WireOrder[] = [];
  const keeper = new LeaseKeeper({
    upstreams,
    clock,
    random: () => 0.5,
    path,
    send: (member, _upstream, order) => {
      sent.push({ member, kind: order.kind, written: read(path) });
      orders.push(order);
    },
    sendLoad: () => {},
    warn: (message) => warnings.push(message),
  });
  const join = (id: string): void => keeper.joined({ id, pid: 1 }, { app: { 'app-0': 0 } }, 'elsewhere');
  return { clock, warnings, sent, orders, keeper, join };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('a grant lies in the file before it is sent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-leases-'));
  const { clock, warnings, sent, keeper, join: arrive } = await open(join(folder, 'leases.json'));
  for (const member of ['first', 'second', 'third']) {
    arrive(member);
    clock.advance(2);
  }
  keeper.stop();
  rmSync(folder, { recursive: true });
  const grants = sent.filter(({ kind }) => kind === 'grant');
  assert.ok(grants.length > 0);
  for (const { member, written } of grants) assert.match(written, new RegExp(`"member":"${member}","bound"`));
  assert.deepEqual(warnings, []);
});

test('a file that cannot be written takes no permits away, and is said once', async () => {
  const { clock, warnings, sent, keeper, join: arrive } = await open('/nonexistent/leases.json');
  arrive('first');
  for (const cap of [9, 10, 11]) {
    clock.advance(2);
    keeper.setCap('app', undefined, cap);
  }
  keeper.stop();
  assert.equal(sent.filter(({ kind }) => kind === 'grant').length, 4);
  assert.equal(warnings.length, 1);
});

const at = (id: string) => ({ id, origin: 'http://127.0.0.1:1' });

test('permits follow the backends: a departed one has no cap, and one that is back has the cap that was set for it', async () => {
  const {
    clock,
    keeper,
    orders,
    join: arrive,
  } = await open('/nonexistent/leases.json', { backends: [at('a'), at('b')] });
  arrive('first');
  keeper.setCap('app', 'b', 3);
  assert.deepEqual(keeper.stateOf('app', 'b'), { cap: 3, leased: 8 });
  keeper.useBackends('app', [at('a')]);
  assert.deepEqual(keeper.stateOf('app', 'b'), { cap: 0, leased: 8 }, 'they are out until the worker says otherwise');
  assert.equal(keeper.setCap('app', 'b', 5), false);
  clock.advance(100);
  const { kind, number } = orders.at(-1) as WireOrder;
  assert.equal(kind, 'recall');
  keeper.reported('first', 'app', { seen: number, held: { a: 8 }, queued: 0 });
  clock.advance(100);
  assert.deepEqual(keeper.stateOf('app', 'b'), { cap: 0, leased: 0 });
  keeper.useBackends('app', [at('a'), at('c'), at('b')]);
  clock.advance(100);
  assert.deepEqual(keeper.stateOf('app', 'b'), { cap: 3, leased: 3 });
  assert.deepEqual(keeper.stateOf('app', 'c'), { cap: 8, leased: 8 });
  assert.deepEqual((orders.at(-1) as WireOrder & { kind: 'grant' }).permits, { a: 8, c: 8, b: 3 });
  keeper.setCap('app', undefined, 2);
  keeper.useBackends('app', [at('a'), at('b'), at('c'), at('d')]);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => keeper.stateOf('app', id).cap),
    [2, 2, 2, 2],
  );
  keeper.stop();
});

test('another control counts the permits of a backend that has left, until its worker gives them up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-leases-'));
  const path = join(folder, 'leases.json');
  const all = { backends: [at('a'), at('b')], isAnnounced: true };
  const before = await open(path, all);
  before.join('first');
  before.clock.advance(100);
  before.keeper.stop();
  const { clock, keeper } = await open(path, { ...all, backends: [at('a')] });
  assert.equal(keeper.stateOf('app', 'b').leased, 8);
  keeper.useBackends('app', [at('a'), at('b')]);
  assert.deepEqual(keeper.stateOf('app', 'b'), { cap: 8, leased: 8 });
  keeper.joined({ id: 'second', pid: 1 }, {}, 'elsewhere');
  clock.advance(300);
  assert.equal(keeper.stateOf('app', 'b').leased, 8, 'no other worker gets them');
  keeper.stop();
  rmSync(folder, { recursive: true });
});

test('permits that other hosts want are recalled from the workers, but only those of backends that hosts share', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-leases-'));
  const fleet = { mode: 'prompt', floorShare: 500, expectedHosts: undefined, maxDurationMs: undefined } as const;
  const shared = { id: 'far', origin: 'http://10.0.0.9:80' };
  const { clock, orders, keeper } = await open(join(folder, 'leases.json'), {
    fleet,
    backends: [at('near'), shared],
  });
  assert.equal(keeper.recallShared('app'), false, 'no worker is there');
  keeper.grant('app', 'far', { permits: 3, floor: 0 });
  keeper.joined({ id: 'first', pid: 1 }, { app: { near: 3, far: 3 } }, 'elsewhere');
  clock.advance(2000);
  orders.length = 0;
  assert.equal(keeper.recallShared('app'), true);
  assert.equal(keeper.recallShared('other'), false);
  keeper.stop();
  rmSync(folder, { recursive: true });
  assert.deepEqual(
    orders.map((order) => order.kind === 'recall' && [order.mode, order.only]),
    [['spare', { near: 0, far: 1 }]],
  );
});
