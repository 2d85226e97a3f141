import type { Random } from '../../core/random.ts';
import { compareSamples, type SampleComparison } from '../statistics/comparison.ts';
import { twoSided } from '../statistics/normal.ts';
import type { CanaryWindow, SideWindow } from './sides.ts';

export interface CanaryJudgement {
  readonly verdict: 'passed' | 'failed' | 'invalid';
  readonly latency: SampleComparison | undefined;
  readonly failures: { readonly canary: number; readonly rest: number; readonly p: number; readonly isWorse: boolean };
  readonly requests: { readonly canary: number; readonly rest: number };
  /** Windows in which both sides had requests enough for a p95. */
  readonly windows: number;
  /** Why nothing can be said; empty if something can. */
  readonly reason: string;
}

/** A p95 of fewer requests is the slowest of them. */
export const LEAST_REQUESTS = 20;
/** Mann-Whitney's test cannot be significant with fewer. */
const LEAST_WINDOWS = 4;
const SIGNIFICANT = 0.05;
/** A difference of the failed share below this does not matter. */
export const MORE_FAILED = 0.01;

/**
 * Whether the canary is worse than the other sides of its route. Both had their requests at the same time, so what changes with time met
 * both alike. `p95Share`: a smaller change of the p95 does not matter.
 */
export function judgeCanary(
  all: readonly CanaryWindow[],
  { p95Share, random }: { readonly p95Share: number; readonly random: Random },
): CanaryJudgement {
  const full = all.filter(({ canary, rest }) => canary.requests >= LEAST_REQUESTS && rest.requests >= LEAST_REQUESTS);
  const [canary, rest] = [all.map((window) => window.canary), all.map((window) => window.rest)].map(sumOf) as [
    Sum,
    Sum,
  ];
  const failures = failuresOf(canary, rest);
  const requests = { canary: canary.requests, rest: rest.requests };
  const common = { failures, requests, windows: full.length };
  if (full.length < LEAST_WINDOWS) {
    // Failures may say enough, although there are too few requests for a latency.
    const verdict = failures.isWorse ? 'failed' : 'invalid';
    const reason = `${full.length} of ${all.length} windows have ${LEAST_REQUESTS} requests of each side, and ${LEAST_WINDOWS} are needed: make --hold longer`;
    return { ...common, verdict, latency: undefined, reason: verdict === 'invalid' ? reason : '' };
  }
  const latency = compareSamples(
    full.map((window) => window.rest.p95Ms),
    full.map((window) => window.canary.p95Ms),
    { threshold: p95Share, better: 'less', random },
  );
  const isWorse = failures.isWorse || latency.verdict === 'worse';
  return { ...common, verdict: isWorse ? 'failed' : 'passed', latency, reason: '' };
}

interface Sum {
  readonly requests: number;
  readonly failed: number;
}

const sumOf = (windows: readonly SideWindow[]): Sum => ({
  requests: windows.reduce((sum, window) => sum + window.requests, 0),
  failed: windows.reduce((sum, window) => sum + window.failed, 0),
});

/** Two proportions: their difference over the standard error of what is the same share for both. */
function failuresOf(canary: Sum, rest: Sum): CanaryJudgement['failures'] {
  const [ofCanary, ofRest] = [canary, rest].map(({ failed, requests }) => failed / Math.max(1, requests)) as [
    number,
    number,
  ];
  const pooled = (canary.failed + rest.failed) / Math.max(1, canary.requests + rest.requests);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / Math.max(1, canary.requests) + 1 / Math.max(1, rest.requests)));
  const p = error === 0 ? 1 : twoSided((ofCanary - ofRest) / error);
  return { canary: ofCanary, rest: ofRest, p, isWorse: p < SIGNIFICANT && ofCanary > ofRest + MORE_FAILED };
}
