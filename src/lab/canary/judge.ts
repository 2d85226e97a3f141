import type { Random } from '../../core/random.ts';
import { compareSamples, type SampleComparison } from '../statistics/comparison.ts';
import { twoSided } from '../statistics/normal.ts';
import type { CanaryWindow, SideWindow } from './sides.ts';

export interface CanaryJudgement {
  readonly verdict: 'passed' | 'failed' | 'invalid';
  readonly latency: SampleComparison | undefined;
  readonly failures: { readonly canary: number; readonly rest: number; readonly p: number; readonly isWorse: boolean };
  readonly requests: { readonly canary: number; readonly rest: number };
  /** Windows in which both sides had enough requests for a p95. */
  readonly windows: number;
  /** Why nothing can be said; empty if something can. */
  readonly reason: string;
}

/** Requests of a side in a window. With fewer, the p95 is the slowest request. */
export const LEAST_REQUESTS = 20;
/** With fewer windows, Mann-Whitney's test cannot be significant. */
const LEAST_WINDOWS = 4;
const SIGNIFICANT = 0.05;
/** A smaller difference of the share of failed requests does not matter. */
export const MORE_FAILED = 0.01;

/**
 * Whether the canary is worse than the other sides of its route. The sides are measured at the same time, so a change of the load affects
 * all of them. `p95Share`: a smaller relative change of the p95 does not matter.
 */
export function judgeCanary(
  all: readonly CanaryWindow[],
  { p95Share, random }: { readonly p95Share: number; readonly random: Random },
): CanaryJudgement {
  const full = all.filter(({ canary, rest }) => canary.requests >= LEAST_REQUESTS && rest.requests >= LEAST_REQUESTS);
  const canary = sumOf(all.map((window) => window.canary));
  const rest = sumOf(all.map((window) => window.rest));
  const failures = failuresOf(canary, rest);
  const requests = { canary: canary.requests, rest: rest.requests };
  const common = { failures, requests, windows: full.length };
  if (full.length < LEAST_WINDOWS) {
    // Failures can decide even if there are too few requests to compare latencies.
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

const failedShare = ({ failed, requests }: Sum): number => failed / Math.max(1, requests);

/** The two-proportion z-test with a pooled standard error. */
function failuresOf(canary: Sum, rest: Sum): CanaryJudgement['failures'] {
  const ofCanary = failedShare(canary);
  const ofRest = failedShare(rest);
  const pooled = (canary.failed + rest.failed) / Math.max(1, canary.requests + rest.requests);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / Math.max(1, canary.requests) + 1 / Math.max(1, rest.requests)));
  const p = error === 0 ? 1 : twoSided((ofCanary - ofRest) / error);
  return { canary: ofCanary, rest: ofRest, p, isWorse: p < SIGNIFICANT && ofCanary > ofRest + MORE_FAILED };
}
