import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { configWithFile } from '../../../../src/config/config.ts';
import { fleetLibrary } from '../../../../src/control/fleet/fleet-function.ts';
import { FleetMetrics } from '../../../../src/control/fleet/fleet-metrics.ts';
import { FleetHolder } from '../../../../src/control/fleet/fleet-holder.ts';
import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import type { FleetCall } from '../../../../src/policy/fleet/fleet-call.ts';
import { ValkeyUnavailable } from '../../../../src/store/valkey/valkey-unavailable.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-fleet-'));
after(() => rmSync(folder, { recursive: true }));
const { upstreams } = configWithFile(
  { VALKEY_URL: 'redis://10.0.0.1' },
  { upstreams: { app: { backends: ['http://10.0.0.9:80'], cap: 24, scope: 'fleet' } } },
  folder,
);

/** A control with one shared backend, and the plain book in place of Valkey. */
function setUp(path = join(folder, `${Math.random()}.json`), book = new FleetBook(), clock = new ManualClock()) {
  const granted: { permits: number; floor: number }[] = [];
  const ends: number[] = [];
  const standings: (string | undefined)[] = [];
  const calls: FleetCall[] = [];
  const host = {
    isDown: false,
    inUse: 0,
    queued: 0,
    isOver: false,
    hint: (_message: string): void => {},
    /** The upstreams whose workers were asked for what they do not use, and whether any of them is there. */
    recalled: [] as string[],
    hasWorkers: false,
  };
  const left: string[] = [];
  const { bugs, registry } = quietInstruments();
  const holder = new FleetHolder({
    host: 'a',
    valkey: {
      runId: 'run-1',
      call: async (name, _keys, args) => {
        if (host.isDown) throw new ValkeyUnavailable('timeout', 'no answer in 250 ms');
        if (name === fleetLibrary.named('leave')) return left.push(String(args[0]));
        const call = JSON.parse(String(args[0])) as FleetCall;
        calls.push(call);
        return JSON.stringify(book.renew(call, Math.round(clock.now()) + 1_000_000));
      },
      subscribe: (_channel, onMessage) => {
        host.hint = onMessage;
        return () => {};
      },
    },
    clock,
    random: () => 0.5,
    log: pino({ level: 'silent' }),
    bugs,
    metrics: new FleetMetrics(registry),
    path,
    upstreams: () => upstreams,
    leases: {
      shared: (upstream) =>
        upstream === 'app'
          ? [
              {
                id: 'x',
                origin: 'http://10.0.0.9:80',
                cap: 24,
                bound: host.inUse,
                inUse: host.inUse,
                queued: host.queued,
              },
            ]
          : [],
      grant: (_upstream, _backend, permits) => granted.push(permits),
      recallShared: (upstream) => {
        host.recalled.push(upstream);
        return host.hasWorkers;
      },
      get isOver() {
        return host.isOver;
      },
    },
    meanMs: () => 20,
    tellEnd: (end) => {
      if (ends.at(-1) !== end.endsAt) ends.push(end.endsAt);
      if (standings.at(-1) !== end.standing) standings.push(end.standing);
    },
  });
  const run = async (ms: number): Promise<void> => {
    for (const end = clock.now() + ms; clock.now() < end;) {
      clock.advance(25);
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  return { holder, host, granted, ends, standings, calls, left, run, clock, path, book };
}

/** The book has learnt, and has repeated the floor that it assigned then. */
const LEARNT_MS = 13_000 + 1000 + 7000;

test('control renews its lease every two and a half seconds, and tells the workers when it ends', async () => {
  const { holder, calls, ends, run } = setUp();
  await run(LEARNT_MS);
  assert.equal(holder.status().state, 'leased');
  const before = calls.length;
  await run(30_000);
  assert.ok(calls.length - before >= 11 && calls.length - before <= 14, `${calls.length - before} calls`);
  const [last = 0, previous = 0] = ends.toReversed();
  assert.ok(Math.abs(last - previous - 2500) <= 50, `${last - previous} ms longer`);
  await holder.close();
});

test('requests that wait make control ask at once, and what is not used goes back when others need it', async () => {
  const { holder, host, granted, calls, run } = setUp();
  await run(LEARNT_MS);
  assert.deepEqual(granted.at(-1), { permits: 12, floor: 12 });
  Object.assign(host, { inUse: 12, queued: 30 });
  holder.reported(true);
  await run(25);
  assert.deepEqual(granted.at(-1), { permits: 24, floor: 12 });
  Object.assign(host, { inUse: 15, queued: 0 });
  await run(100);
  const before = calls.length;
  host.hint('b\nc');
  await run(25);
  assert.equal(calls.length, before, 'others were meant');
  host.hint('b\na');
  await run(25);
  assert.deepEqual(calls.at(-1)?.claims[0]?.held, 15);
  await holder.close();
});

test('when other hosts want permits, the workers are asked first, and what each of them says goes to the fleet at once', async () => {
  const { holder, host, calls, run } = setUp();
  await run(LEARNT_MS);
  Object.assign(host, { inUse: 12, queued: 30, hasWorkers: true });
  holder.reported(true);
  await run(100);
  Object.assign(host, { inUse: 20, queued: 0 });
  const before = calls.length;
  host.hint('a');
  assert.deepEqual(host.recalled, ['app']);
  assert.equal(calls.length, before, 'the use that control knows is old');
  const helds: (number | undefined)[] = [];
  for (const inUse of [16, 13]) {
    host.inUse = inUse;
    holder.reported(false);
    await run(25);
    helds.push(calls.at(-1)?.claims[0]?.held);
  }
  assert.deepEqual(helds, [16, 13]);
  await run(100);
  const settled = calls.length;
  host.inUse = 12;
  holder.reported(false);
  await run(25);
  assert.equal(calls.length, settled, 'the hint is long ago');
  await holder.close();
});

test('a worker that does not answer does not keep the host from calling when others want permits', async () => {
  const { holder, host, calls, run } = setUp();
  await run(LEARNT_MS);
  host.hasWorkers = true;
  const before = calls.length;
  host.hint('a');
  await run(75);
  assert.equal(calls.length, before + 1);
  await holder.close();
});

test('without Valkey the host keeps everything for 5.7 s and then its floor, and is back with the first answer', async () => {
  const { holder, host, granted, run } = setUp();
  await run(LEARNT_MS);
  Object.assign(host, { inUse: 12, queued: 30 });
  holder.reported(true);
  await run(2500);
  host.isDown = true;
  await run(5700);
  assert.equal(granted.at(-1)?.permits, 24);
  await run(3300);
  assert.equal(granted.at(-1)?.permits, 12);
  assert.equal(holder.status().state, 'apart');
  assert.match(holder.status().problem ?? '', /no answer/);
  host.isDown = false;
  await run(1000);
  assert.equal(granted.at(-1)?.permits, 24);
  await holder.close();
});

test('the next control goes on with the lease of the one before', async () => {
  const first = setUp();
  await first.run(LEARNT_MS);
  Object.assign(first.host, { inUse: 24, queued: 3 });
  await first.run(100);
  await first.holder.close();
  assert.deepEqual(first.left, []);
  const next = setUp(first.path, first.book, first.clock);
  Object.assign(next.host, { inUse: 24, isDown: true });
  await next.run(100);
  assert.equal(next.granted.at(-1)?.permits, 24);
  next.host.isDown = false;
  await next.run(1000);
  assert.equal(next.calls.at(-1)?.incarnation, 1);
  next.host.isOver = true;
  await next.holder.close();
  assert.deepEqual(next.left, ['a']);
  const later = setUp(next.path, next.book, next.clock);
  later.host.isDown = true;
  await later.run(100);
  assert.equal(later.granted.at(-1)?.permits, 0, 'what was given back is not used again');
  await later.holder.close();
});

test('an answer that is none is a bug, and the lease goes on', async () => {
  const { holder, granted, run, book } = setUp();
  await run(LEARNT_MS);
  const renew = book.renew.bind(book);
  book.renew = () => ({ status: 'granted' }) as never;
  await run(4000);
  assert.equal(granted.at(-1)?.permits, 12);
  book.renew = renew;
  await run(4000);
  assert.equal(holder.status().state, 'leased');
  await holder.close();
});

test('workers hear that the host has no lease yet, that it has one, and that another process has its name', async () => {
  const { holder, standings, run, clock, book } = setUp();
  assert.deepEqual(holder.leaseEnd().standing, 'new');
  await run(200);
  assert.deepEqual(standings, ['new', 'member']);
  const other = setUp(join(folder, 'other.json'), book, clock);
  await other.run(6000);
  assert.equal(standings.at(-1), 'superseded');
  assert.equal(other.standings.at(-1), 'member');
  await holder.close();
  await other.holder.close();
});
