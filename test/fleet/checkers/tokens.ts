import type { Interval } from './cap.ts';

export interface TokenRule {
  readonly perSecond: number;
  readonly burst: number;
  /** How long before its use a token may have left the bucket of the fleet, and how long after it an unused one may come back. */
  readonly lagMs: number;
}

export interface TokenFindings {
  /** Most calls over `burst + r·t` at any instant since the start; 0 or less is within the limit. */
  readonly overSinceStart: number;
  /** Most calls over `burst + r·(W + 2·lag)` in any window W; 0 or less is within the limit. */
  readonly overInWindow: number;
  /** What was admitted, of what one bucket would have admitted of the same demand. */
  readonly givenShare: number;
}

/** Longer windows say nothing more: what is over the limit for so long is over it from the start. */
const WINDOW_MS = 10_000;

/**
 * Checks one limit over all hosts by calls that took one token each, from sent to answered: somewhere between the two it was
 * admitted. With N(s, t) calls that were sent from s on and answered until t, and the rate r, for all s < t:
 * N(s, t) ≤ burst + r·(t − s) + 2·r·lag; and N(start, t) ≤ burst + r·(t − start).
 */
export function checkTokens(
  admitted: readonly Interval[],
  offered: readonly Interval[],
  rule: TokenRule,
): TokenFindings {
  const { perSecond, burst, lagMs } = rule;
  const offers = offered.toSorted((one, other) => one.startMs - other.startMs);
  const bySent = admitted.toSorted((one, other) => one.startMs - other.startMs);
  const startMs = offers[0]?.startMs ?? 0;
  let most = 0;
  for (const [index, { startMs: fromMs }] of bySent.entries())
    most = Math.max(most, excess(within(bySent, index, WINDOW_MS), fromMs, perSecond));
  const allowed = oneBucket(offers, rule);
  return {
    overSinceStart: excess(bySent, startMs, perSecond) - burst,
    overInWindow: most - burst - (2 * perSecond * lagMs) / 1000,
    givenShare: allowed === 0 ? 1 : admitted.length / allowed,
  };
}

/** The calls from one on that were answered within so long after it was sent. */
function within(bySent: readonly Interval[], index: number, windowMs: number): Interval[] {
  const untilMs = (bySent[index]?.startMs ?? 0) + windowMs;
  const found: Interval[] = [];
  for (let next = index; (bySent[next]?.startMs ?? Infinity) <= untilMs; next++) {
    const call = bySent[next];
    if (call !== undefined && call.endMs <= untilMs) found.push(call);
  }
  return found;
}

/** Most calls over what the rate alone has given since an instant, counted when each call was answered. */
function excess(calls: readonly Interval[], fromMs: number, perSecond: number): number {
  const answered = calls.map(({ endMs }) => endMs).sort((one, other) => one - other);
  return answered.reduce((most, atMs, index) => Math.max(most, index + 1 - ((atMs - fromMs) * perSecond) / 1000), 0);
}

/** How many calls a single bucket, full at the start, would admit of this demand, in order of time. */
export function oneBucket(
  offered: readonly Interval[],
  { perSecond, burst }: Pick<TokenRule, 'perSecond' | 'burst'>,
): number {
  let level = burst;
  let lastMs = offered[0]?.startMs ?? 0;
  let given = 0;
  for (const { startMs: atMs } of offered) {
    level = Math.min(burst, level + ((atMs - lastMs) * perSecond) / 1000);
    lastMs = atMs;
    if (level < 1) continue;
    level -= 1;
    given++;
  }
  return given;
}
