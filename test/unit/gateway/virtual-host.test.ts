import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from '../../../src/lab/statistics/quantile.ts';
import { wholeOr } from '../../support/long-run.ts';
import { type Tally, VirtualHost, type VirtualHostOptions } from '../../support/virtual-host.ts';

/** What came of `seconds` of virtual time under this load, after three seconds that are not counted. */
async function tallyOf(
  options: VirtualHostOptions,
  load: (host: VirtualHost) => void,
  { seconds = 10, settleMs = 3000 } = {},
): Promise<Tally> {
  const host = new VirtualHost(options);
  await host.runFor(500);
  load(host);
  await host.runFor(settleMs);
  if (settleMs > 0) host.reset();
  await host.runFor(seconds * 1000);
  const { tally } = host;
  await host.close();
  return tally;
}

const refusals = ({ refused }: Tally): number => Object.values(refused).reduce((sum, count) => sum + count, 0);

function closedLoops(host: VirtualHost, clients: number, firstShare: number): void {
  for (let client = 0; client < clients; client++) void host.closedLoop(client < clients * firstShare ? 0 : 1);
}

const exponential = (mean: number) => (random: () => number) => -Math.log(1 - random()) * mean;

for (const [name, seconds, serviceMs] of [
  ['1 ms', 0.2, () => 1],
  ['5 ms, exponential', 0.5, exponential(5)],
  ['55 ms', 2, () => 55],
  ['200 ms, exponential', 5, exponential(200)],
  // One processor behind all permits: twice as many in flight take twice as long.
  ['1 ms of one processor', 2, (_random: unknown, inFlight: number) => inFlight],
] as const) {
  for (const factor of wholeOr([0.5, 1, 1.3, 2], [1, 2])) {
    test(`a closed loop of ${factor} times the permits is never refused, however connections lie: ${name}`, async () => {
      for (const firstShare of wholeOr([0.5, 0.7, 0.9, 1], [0.5, 1])) {
        const tally = await tallyOf(
          { workers: 2, backends: 2, cap: 20, serviceMs },
          (host) => closedLoops(host, 40 * factor, firstShare),
          // From the first request on: no worker has heard of the other then.
          { settleMs: 0, seconds },
        );
        assert.deepEqual(tally.refused, {}, `${firstShare * 100} % of the connections at the first worker`);
      }
    });
  }
}

for (const [name, serviceMs] of [
  ['2 s', () => 2000],
  ['4 s, exponential', exponential(4000)],
  ['0.9 s, then 9 s', (_random: unknown, inFlight: number) => (inFlight > 8 ? 9000 : 900)],
] as const) {
  test(`work of ${name} is waited for where no timeout was set, up to twice the permits`, async () => {
    for (const factor of wholeOr([1, 1.5, 2], [2])) {
      const tally = await tallyOf(
        { workers: 2, backends: 2, cap: 8, serviceMs },
        (host) => closedLoops(host, 16 * factor, 0.6),
        { settleMs: 0, seconds: wholeOr(120, 60) },
      );
      assert.deepEqual(tally.refused, {}, `${factor} times the permits`);
    }
    // A timeout that was set is kept.
    const strict: VirtualHostOptions = { workers: 2, backends: 2, cap: 8, queueTimeoutMs: 500, serviceMs };
    assert.ok(refusals(await tallyOf(strict, (host) => closedLoops(host, 32, 0.6), { seconds: wholeOr(60, 20) })) > 0);
  });
}

test('if no request ends any more, none waits for longer than half a minute', async () => {
  for (const clients of [17, 32, 64]) {
    const host = new VirtualHost({ workers: 2, backends: 2, cap: 8, serviceMs: () => 600_000 });
    await host.runFor(500);
    for (let client = 0; client < clients; client++) void host.request(client % 2);
    await host.runFor(31_000);
    assert.equal(host.queued, 0);
    assert.equal(refusals(host.tally), clients - 16);
    await host.close();
  }
});

for (const stallMs of [1200, 2500]) {
  test(`a stall of ${stallMs} ms refuses nobody up to twice the permits, and whoever waits beyond them as usual`, async () => {
    let clock = { now: (): number => 0 };
    // Everything that begins within the stall ends after it.
    const serviceMs = (): number => 50 + Math.max(0, stallMs - (clock.now() % 8000));
    for (const [factor, isRefused] of [
      [1, false],
      [2, false],
      [4, true],
    ] as const) {
      const tally = await tallyOf(
        { workers: 2, backends: 2, cap: 10, serviceMs },
        (host) => {
          clock = host.clock;
          closedLoops(host, 20 * factor, 0.6);
        },
        { seconds: wholeOr(20, 9) },
      );
      assert.equal(refusals(tally) > 0, isRefused, `${factor} times the permits: ${JSON.stringify(tally.refused)}`);
    }
  });
}

test('no permit idles while a request waits at another worker', async () => {
  const loads: readonly (readonly [number, number])[] = [
    [14, 0.9],
    [12, 1],
    [24, 0.8],
  ];
  for (const [clients, firstShare] of wholeOr(loads, loads.slice(0, 1))) {
    const tally = await tallyOf(
      { workers: 2, backends: 4, cap: 4, queueTimeoutMs: 30_000, serviceMs: exponential(2000) },
      (host) => closedLoops(host, clients, firstShare),
      { seconds: 60 },
    );
    assert.equal(refusals(tally), 0);
    const idle = tally.idleWhileWaitingMs / (60_000 * 16);
    assert.ok(idle < 0.005, `${clients} clients: ${idle} of the permit time`);
  }
});

test('eight times the permits in a closed loop: every permit is used, and refusals are immediate', async () => {
  const tally = await tallyOf({ workers: 2, backends: 2, cap: 20, serviceMs: () => 55 }, (host) => {
    for (let client = 0; client < 320; client++) void host.closedLoop(client < 250 ? 0 : 1, { pauseMs: 100 });
  });
  assert.ok(tally.served >= 0.99 * ((40 * 10_000) / 55), `${tally.served} served`);
  assert.deepEqual(Object.keys(tally.refused), ['overloaded']);
});

test('open loop: nobody is refused at 90 % of the capacity; beyond it goodput stays, in about two service times', async () => {
  const capacity = (24 * 1000) / 55;
  const options = { workers: 2, backends: 6, cap: 4, serviceMs: () => 55 };
  const below = await tallyOf(options, (host) => void host.openLoop(0.9 * capacity), { seconds: 20 });
  assert.deepEqual(below.refused, {});
  for (const load of wholeOr([1.1, 2, 10], [2])) {
    const tally = await tallyOf(options, (host) => void host.openLoop(load * capacity));
    assert.ok(tally.served >= 0.98 * capacity * 10, `${load}: ${tally.served} served`);
    assert.ok(quantile(tally.latencies, 0.99) <= 160, `${load}: p99 ${quantile(tally.latencies, 0.99)} ms`);
    assert.ok(quantile(tally.latencies, 0.95) <= 125, `${load}: p95 ${quantile(tally.latencies, 0.95)} ms`);
  }
});

test('the capacity of the queue is one number for the host', async () => {
  for (const [workers, queueCapacity] of [
    [2, 10],
    [4, 30],
  ] as const) {
    const host = new VirtualHost({
      workers,
      backends: 1,
      cap: 4,
      queueCapacity,
      queueTimeoutMs: 60_000,
      admission: { limit: 'fixed', minLimit: 1, maxWaitMs: 60_000 },
      serviceMs: () => 600_000,
    });
    await host.runFor(500);
    for (let request = 0; request < 200; request++) void host.request(request % workers);
    await host.runFor(50);
    assert.ok(
      host.queued >= 0.8 * queueCapacity && host.queued <= 1.1 * queueCapacity + workers,
      `${host.queued} wait, of ${queueCapacity}`,
    );
    assert.equal(refusals(host.tally), 200 - 4 - host.queued);
    await host.close();
  }
});

test('a wait up to queueTimeoutMs is let in where it was set, and no later', async () => {
  const timeoutMs = 30_000;
  const options = { workers: 2, backends: 4, cap: 4, queueTimeoutMs: timeoutMs, serviceMs: exponential(3000) };
  const patient: VirtualHostOptions = {
    ...options,
    queueCapacity: 64,
    admission: { limit: 'fixed', minLimit: 1, maxWaitMs: timeoutMs },
  };
  const seconds = wholeOr(60, 40);
  const tally = await tallyOf(patient, (host) => closedLoops(host, 60, 0.7), { seconds });
  assert.deepEqual(tally.refused, {});
  // One round of 3 s for 16 permits; 112 clients would wait for 18 s, more than `auto` lets in.
  const auto = await tallyOf(options, (host) => closedLoops(host, 112, 0.5), { seconds });
  assert.ok(refusals(auto) > 0);
});
