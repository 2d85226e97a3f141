import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../src/core/random.ts';
import { canaryText } from '../../../../src/lab/canary/canary-text.ts';
import { type CanaryJudgement, judgeCanary } from '../../../../src/lab/canary/judge.ts';
import type { CanaryWindow, SideWindow } from '../../../../src/lab/canary/sides.ts';

const side = (p95Ms: number, more: Partial<SideWindow> = {}): SideWindow => ({
  requests: 200,
  failed: 0,
  p95Ms,
  ...more,
});
/** Ten windows whose latency moves a little, as latencies do. */
const windowsOf = (of: (wobble: number) => CanaryWindow): CanaryWindow[] =>
  [0, 3, -2, 1, -3, 2, 4, -1, -4, 0.5].map((wobble) => of(wobble));
const judge = (windows: readonly CanaryWindow[]): CanaryJudgement =>
  judgeCanary(windows, { p95Share: 0.05, random: seededRandom(1) });

test('a canary like the others passes, and a slower one fails', () => {
  const like = judge(windowsOf((wobble) => ({ canary: side(101 - wobble / 2), rest: side(100 + wobble / 2) })));
  assert.deepEqual([like.verdict, like.latency?.verdict], ['passed', 'same']);
  const slower = judge(windowsOf((wobble) => ({ canary: side(120 + wobble), rest: side(100 + wobble) })));
  assert.deepEqual([slower.verdict, slower.latency?.verdict], ['failed', 'worse']);
  const faster = judge(windowsOf((wobble) => ({ canary: side(80 + wobble), rest: side(100 + wobble) })));
  assert.deepEqual([faster.verdict, faster.latency?.verdict], ['passed', 'better']);
});

test('a canary that fails more fails, although it is quick; a failure more by chance is none', () => {
  const failing = windowsOf((wobble) => ({
    canary: side(50 + wobble, { failed: 10 }),
    rest: side(100 + wobble, { failed: 1 }),
  }));
  assert.deepEqual([judge(failing).verdict, judge(failing).failures.isWorse], ['failed', true]);
  const chance = windowsOf((wobble) => ({
    canary: side(100 + wobble, { failed: 2 }),
    rest: side(100 - wobble, { failed: 1 }),
  }));
  assert.equal(judge(chance).failures.isWorse, false);
});

test('too few requests say nothing about the latency, and are invalid unless the failures say enough', () => {
  const few = windowsOf((wobble) => ({ canary: side(100 + wobble, { requests: 19 }), rest: side(100) }));
  const quiet = judge(few);
  assert.deepEqual([quiet.verdict, quiet.windows, quiet.latency], ['invalid', 0, undefined]);
  assert.match(quiet.reason, /0 of 10 windows have 20 requests of each side, and 4 are needed/);
  const broken = judge(few.map(({ canary, rest }) => ({ canary: { ...canary, failed: 19 }, rest })));
  assert.deepEqual([broken.verdict, broken.reason], ['failed', '']);
  assert.equal(judge([]).verdict, 'invalid');
});

test('the text says both figures, the verdict and what to do', () => {
  const slower = judge(windowsOf((wobble) => ({ canary: side(120 + wobble), rest: side(100 + wobble) })));
  const text = canaryText('checkout', 'v2', slower);
  assert.match(text, /^v2 beside the other sides of checkout: 2000 and 2000 requests, 10 windows\n/);
  assert.match(text, /p95 latency: \+20\.\d %, 95 % interval .*: worse\n/);
  assert.match(text, /\nfailed\. Next: take its weight back, and look into its log\.\n$/);
});
