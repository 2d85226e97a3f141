import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify } from '../../../../src/lab/experiments/classify.ts';
import type { Step } from '../../../../src/lab/experiments/step.ts';

interface Planted {
  readonly waitMs: number;
  readonly execMs: number;
  readonly cpuShare?: number;
  readonly timeouts?: number;
}

/** Of a step, what the rule looks at: 100 requests a second. */
function step({ waitMs, execMs, cpuShare = 0.5, timeouts = 0 }: Planted): Step {
  const figures = {
    requests: 1000,
    throughputPerSecond: 100,
    outcomes: { '2xx': 1000 - timeouts, timeout: timeouts },
    wait: { p95Ms: waitMs },
    exec: { p95Ms: execMs },
  };
  return { figures, use: { processes: [{ cpuShare }] } } as unknown as Step;
}

const calm = step({ waitMs: 0.1, execMs: 50 });

const cases: readonly (readonly [string, Planted, string])[] = [
  ['a wait that grows while exec is stable is contention', { waitMs: 30, execMs: 55 }, 'A contention'],
  ['exec that grows with its processor time is work', { waitMs: 30, execMs: 100, cpuShare: 0.9 }, 'B work'],
  ['exec that grows without it waits for a processor', { waitMs: 30, execMs: 100 }, 'B processors'],
  [
    'requests without an answer are missing capacity control',
    { waitMs: 30, execMs: 55, timeouts: 11 },
    'C capacity control',
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
