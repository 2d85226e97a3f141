import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlo } from '../../../../src/config/slo-file.ts';
import { SloWatch } from '../../../../src/control/see/slo-watch.ts';
import { readTotals } from '../../../../src/control/see/totals.ts';
import { GatewayMetrics } from '../../../../src/gateway/metrics.ts';
import { Registry } from '../../../../src/metrics/instruments.ts';
import { degradationFindings } from '../../../../src/policy/verdict/degradation-findings.ts';
import type { HostSignals } from '../../../../src/policy/verdict/signals.ts';

const START_MS = 30 * 86_400_000;

const parsed = parseSlo(
  'service: s\nendpoints: [{ id: work, gate: { p95: 100ms }, objectives: [{ sli: hit_rate, target: 0.7 }] }]',
  'slo.yaml',
);
assert.ok(parsed.ok);
const { slo } = parsed;

/** What happens in a second. */
interface Second {
  readonly replies?: readonly (readonly [status: number, seconds: number, count: number])[];
  readonly shed?: number;
  readonly cache?: Readonly<Record<'hit' | 'miss' | 'bypass', number>>;
  readonly busy?: number;
}

const sound: Second = { replies: [[200, 0.02, 50]], cache: { hit: 8, miss: 2, bypass: 90 }, busy: 2 };

/** A host whose control looks each second. */
class Watched {
  readonly #registry = new Registry();
  readonly #metrics = new GatewayMetrics(this.#registry);
  readonly #pool = this.#registry.gauge('rampart_db_pool_connections', 'help', 'sum', 'role', 'state');
  nowMs = START_MS;
  watch = new SloWatch(slo);

  constructor() {
    this.#pool.of('gateway', 'max').set(10);
  }

  seconds(count: number, { replies = [], shed = 0, cache, busy = 0 }: Second): this {
    const endpoint = this.#metrics.endpoint('work');
    this.#pool.of('gateway', 'busy').set(busy);
    for (let second = 0; second < count; second++) {
      for (const [status, seconds, each] of replies) {
        for (let reply = 0; reply < each; reply++) {
          endpoint.countStatus(status);
          endpoint.latency.observe(seconds);
        }
      }
      this.#metrics.rejections.of('work', 'overloaded').add(shed);
      for (const [result, each] of Object.entries(cache ?? {}))
        this.#metrics.cacheRequests.of('work', result).add(each);
      this.nowMs += 1000;
      this.watch.look(readTotals([this.#registry.snapshot()]), this.nowMs);
    }
    return this;
  }

  restart(): void {
    const saved = JSON.parse(JSON.stringify(this.watch.saved())) as ReturnType<SloWatch['saved']>;
    this.watch = new SloWatch(slo);
    this.watch.restore(saved);
  }

  get firing(): string[] {
    return this.watch.degraded(this.nowMs).map(({ kind, subject, limit }) => `${kind} ${subject}: ${limit}`);
  }
}

const slow: Second = {
  ...sound,
  replies: [
    [200, 0.02, 40],
    [200, 0.18, 10],
  ],
};

test('each limit fires after its five minutes, and is over within two minutes of a sound host', () => {
  const cases: readonly (readonly [string, Second])[] = [
    ['p95 work: p95 > 150 ms', slow],
    [
      'p99 work: p99 > 200 ms',
      {
        ...sound,
        replies: [
          [200, 0.02, 49],
          [200, 0.25, 1],
        ],
      },
    ],
    [
      'errors work: 5xx > 1 %',
      {
        ...sound,
        replies: [
          [200, 0.02, 49],
          [500, 0.02, 1],
        ],
      },
    ],
    ['hit-rate work: cache hits < 70 %', { ...sound, cache: { hit: 6, miss: 4, bypass: 0 } }],
    ['pool gateway: pool use > 80 %', { ...sound, busy: 9 }],
  ];
  for (const [expected, trouble] of cases) {
    const host = new Watched().seconds(200, sound);
    assert.deepEqual(host.seconds(295, trouble).firing, [], `${expected}: before its time`);
    assert.deepEqual(host.seconds(125, trouble).firing, [expected]);
    assert.deepEqual(host.seconds(125, sound).firing, [], `${expected}: over`);
  }
});

test('half a minute in which everything is wrong fires nothing', () => {
  const host = new Watched().seconds(200, sound);
  host.seconds(30, { replies: [[500, 3, 50]], cache: { hit: 0, miss: 50, bypass: 0 }, busy: 10 });
  for (let minute = 0; minute < 8; minute++) assert.deepEqual(host.seconds(60, sound).firing, []);
});

test('one slow request in ten, of a trickle of one in 20 seconds, fires nothing', () => {
  const host = new Watched();
  for (let round = 0; round < 20; round++) {
    host.seconds(1, { replies: [[200, 3, 1]] }).seconds(19, {});
    for (let request = 0; request < 9; request++) {
      host.seconds(1, { replies: [[200, 0.02, 1]] }).seconds(19, {});
      assert.deepEqual(host.firing, []);
    }
  }
});

test('refusals with Retry-After are no errors', () => {
  const host = new Watched().seconds(200, sound);
  host.seconds(420, {
    ...sound,
    replies: [
      [200, 0.02, 40],
      [503, 0.001, 10],
    ],
    shed: 10,
  });
  assert.deepEqual(host.firing, []);
});

test('what fires goes on over a restart of control, the pools included', () => {
  const host = new Watched().seconds(200, sound).seconds(420, { ...slow, busy: 9 });
  const before = host.firing;
  assert.equal(before.length, 2);
  host.restart();
  assert.deepEqual(host.seconds(1, { ...slow, busy: 9 }).firing, before);
  assert.deepEqual(host.seconds(130, sound).firing, []);
});

test('the status tells what is measured, and since when it is above its limit', () => {
  const host = new Watched().seconds(300, sound).seconds(200, slow);
  const { degradations } = host.watch.status(host.nowMs);
  assert.deepEqual(
    degradations.map(({ limit, measured, sinceMs, isFiring }) => [limit, measured, sinceMs !== null, isFiring]),
    [
      ['p95 > 150 ms', '20 % take longer than 150 ms', true, false],
      ['p99 > 200 ms', '0 % take longer than 200 ms', false, false],
      ['5xx > 1 %', '0 % end with a 5xx', false, false],
      ['cache hits < 70 %', '80 % come from the cache', false, false],
      ['pool use > 80 %', '20 % of the connections are busy', false, false],
    ],
  );
});

test('a limit that fires is a finding with a cause of its own, a ticket, whoever it is about', () => {
  const host = new Watched().seconds(200, sound).seconds(420, { ...slow, busy: 9 });
  const found = degradationFindings({ degradations: host.watch.degraded(host.nowMs) } as unknown as HostSignals);
  assert.deepEqual(
    found.map(({ state, causeId, subject, severity, cause }) => [state, causeId, subject, severity, cause]),
    [
      ['degraded', 'p95-degraded', 'work', 'ticket', 'work: 20 % take longer than 150 ms (alert: p95 > 150 ms)'],
      [
        'degraded',
        'pool-degraded',
        'gateway',
        'ticket',
        'the database pools of gateway: 90 % of the connections are busy (alert: pool use > 80 %)',
      ],
    ],
  );
});
