import type { Figures } from '../measure/figures.ts';

/** What a load must keep to count as carried. */
export interface Targets {
  readonly p95Ms: number;
  /** Errors and refusals, together, as a share of requests. */
  readonly maxFailedShare: number;
}

/** Why a load was not carried; empty when it was. */
export function violations({ latency, errorShare, refusedShare }: Figures, targets: Targets): string[] {
  const found: string[] = [];
  const failed = errorShare + refusedShare;
  if (failed > targets.maxFailedShare) {
    found.push(`${(errorShare * 100).toFixed(1)} % errors and ${(refusedShare * 100).toFixed(1)} % refusals`);
  }
  if (!(latency.p95Ms <= targets.p95Ms)) found.push(`p95 ${latency.p95Ms.toFixed(1)} ms`);
  return found;
}

export const describeTargets = ({ p95Ms, maxFailedShare }: Targets): string =>
  `p95 at most ${p95Ms} ms, errors and refusals at most ${maxFailedShare * 100} %`;
