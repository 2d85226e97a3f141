import type { Gate } from '../report/run-record.ts';
import { known, percent } from '../report/tables.ts';

const MAX_ERROR_SHARE = 0.01;

/** `share`: of errors among the requests. */
export const errorGate = (name: string, share: number): Gate => ({
  name,
  expected: 'below 1 %',
  got: percent(share, 2),
  passed: share < MAX_ERROR_SHARE,
});

export const failedGate = (name: string, share: number, maxShare: number): Gate => ({
  name,
  expected: `at most ${Number((maxShare * 100).toPrecision(6))} %`,
  got: percent(share, 2),
  passed: share <= maxShare,
});

export const timeoutGate = (name: string, timeouts: number): Gate => ({
  name,
  expected: 'none',
  got: String(timeouts),
  passed: timeouts === 0,
});

export const latencyGate = (name: string, ms: number, mostMs: number): Gate => ({
  name,
  expected: `at most ${mostMs} ms`,
  got: known(ms, 1, ' ms'),
  passed: ms <= mostMs,
});
