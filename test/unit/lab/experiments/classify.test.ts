import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify } from '../../../../src/lab/experiments/classify.ts';
import { Requests } from '../../../../src/lab/load/requests.ts';
import type { OutcomeName } from '../../../../src/lab/load/outcome.ts';
import { underWayOverTime } from '../../../../src/lab/measure/under-way.ts';
import type { Step } from '../../../../src/lab/experiments/step.ts';

interface Planted {
  readonly waitMs: number;
  readonly execMs: number;
  readonly cpuShare?: number;
  readonly runQueueShare?: number;
  readonly timeouts?: number;
  /** Requests under way, where they come at a rate. */
  readonly underWay?: readonly number[];
}

/** Of a step, what the rule looks at: 100 requests a second. */
function step({ waitMs, execMs, cpuShare = 0.5, runQueueShare = 0, timeouts = 0, underWay }: Planted): Step {
  const figures = {
    requests: 1000,
    throughputPerSecond: 100,
    offeredPerSecond: 100,
    outcomes: { '2xx': 1000 - timeouts, timeout: timeouts },
    wait: { p95Ms: waitMs },
    exec: { p95Ms: execMs, meanMs: execMs },
  };
  const load = { kind: underWay === undefined ? 'closed' : 'open' };
  return {
    load,
    figures,
    underWay: underWay ?? [],
    use: { processes: [{ cpuShare, runQueueShare }] },
  } as unknown as Step;
}

const calm = step({ waitMs: 0.1, execMs: 50 });
const rising = Array.from({ length: 20 }, (_, part) => 1 + part);
/** Twice as many at the end, and no trend. */
const uneven = [5, 11, 4, 12, 5, 9, 4, 13, 6, 10, 5, 12, 4, 11, 6, 9, 5, 13, 4, 11];

const cases: readonly (readonly [string, Planted, string])[] = [
  ['a wait that grows while exec is stable is contention', { waitMs: 30, execMs: 55 }, 'A contention'],
  ['exec that grows with its processor time is work', { waitMs: 30, execMs: 100, cpuShare: 0.9 }, 'B work'],
  [
    'exec that grows by the wait for a processor lacks processors',
    { waitMs: 30, execMs: 100, runQueueShare: 1.3 },
    'B processors',
  ],
  ['exec that grows by neither is mixed', { waitMs: 30, execMs: 100, runQueueShare: 1.2 }, 'mixed'],
  [
    'requests without an answer are missing capacity control',
    { waitMs: 30, execMs: 55, timeouts: 11 },
    'C capacity control',
  ],
  [
    'requests that pile up are missing capacity control, though each is answered in the end',
    { waitMs: 30, execMs: 55, underWay: rising },
    'C capacity control',
  ],
  [
    'a number under way that goes up and down is contention',
    { waitMs: 30, execMs: 55, underWay: uneven },
    'A contention',
  ],
  ['a wait that grows with a little more exec is mixed', { waitMs: 30, execMs: 65 }, 'mixed'],
  [
    'ten unanswered of a thousand, and a wait below three milliseconds, are nothing',
    { waitMs: 2.9, execMs: 55, timeouts: 10 },
    'none',
  ],
];
for (const [name, planted, expected] of cases) {
  test(`classify: ${name}`, () => assert.equal(classify([calm, step(planted)]).name, expected));
}

test('underWayOverTime gives each part the time that requests spent in it, from when they were due', () => {
  const requests = new Requests();
  const of = (intendedMs: number, endMs: number, outcome: OutcomeName = '2xx'): void =>
    requests.settle(requests.begin(0, intendedMs, intendedMs), outcome, 200, endMs);
  of(0, 150);
  of(120, 200);
  of(190, 1000, 'timeout');
  of(100, 100, 'unsent');
  assert.deepEqual(underWayOverTime(requests, { fromMs: 100, toMs: 300 }, 4), [1.6, 1.2, 1, 1]);
});
