import { checkCap, clipped, inFlightSteps, type Interval } from './cap.ts';

export interface LivenessRule {
  readonly cap: number;
  /** So long after the demand has reached the cap, or a fault is over, may the permits still be on their way. */
  readonly settleMs: number;
  /** Shares are taken over stretches of this length, so that a long good time does not hide a short bad one. */
  readonly stretchMs: number;
}

export interface LivenessFindings {
  /** Stretches that were looked at. */
  readonly stretches: number;
  /** Share of the cap in use in the worst of them; 1 if there was none. */
  readonly worstShare: number;
  readonly worstAtMs: number;
  readonly meanShare: number;
}

/**
 * The share of the cap in use while there was demand for all of it and no fault.
 *
 * `demand`: calls of clients, from sent to answered; `troubled`: what must not be judged, faults up to their recovery.
 */
export function checkLiveness(
  served: readonly Interval[],
  demand: readonly Interval[],
  troubled: readonly Interval[],
  { cap, settleMs, stretchMs }: LivenessRule,
): LivenessFindings {
  const shares = busyWindows(demand, cap)
    .flatMap((window) => without(window, troubled))
    .flatMap(({ startMs, endMs }) => stretches({ startMs: startMs + settleMs, endMs }, stretchMs))
    .map((window) => ({ atMs: window.startMs, share: checkCap(served, cap, window).usedShare }));
  const worst = shares.toSorted((one, other) => one.share - other.share)[0];
  return {
    stretches: shares.length,
    worstShare: worst?.share ?? 1,
    worstAtMs: worst?.atMs ?? Number.NaN,
    meanShare: shares.length === 0 ? 1 : shares.reduce((sum, { share }) => sum + share, 0) / shares.length,
  };
}

/** From a reply to the next request it takes no longer than this: no end of a busy time. */
const BREATH_MS = 50;

/** The stretches of time in which at least `cap` were open. */
function busyWindows(demand: readonly Interval[], cap: number): Interval[] {
  const windows: { startMs: number; endMs: number }[] = [];
  let startMs: number | undefined;
  for (const { atMs, inFlight } of inFlightSteps(demand)) {
    if (inFlight >= cap) startMs ??= atMs;
    else if (startMs !== undefined) {
      const last = windows.at(-1);
      if (last !== undefined && startMs - last.endMs <= BREATH_MS) last.endMs = atMs;
      else windows.push({ startMs, endMs: atMs });
      startMs = undefined;
    }
  }
  return windows;
}

/** What is left of a window when others are taken out of it. */
function without(window: Interval, others: readonly Interval[]): Interval[] {
  let left: Interval[] = [window];
  for (const other of others)
    left = left
      .flatMap(({ startMs, endMs }) => [
        { startMs, endMs: Math.min(endMs, other.startMs) },
        { startMs: Math.max(startMs, other.endMs), endMs },
      ])
      .filter(({ startMs, endMs }) => endMs > startMs);
  return left;
}

/** Whole stretches only: the rest at the end would be judged by a handful of requests. */
function stretches({ startMs, endMs }: Interval, lengthMs: number): Interval[] {
  const count = Math.max(0, Math.floor((endMs - startMs) / lengthMs));
  return Array.from({ length: count }, (_, index) => ({
    startMs: startMs + index * lengthMs,
    endMs: startMs + (index + 1) * lengthMs,
  }));
}

/** So much of the cap counts as all of it: a request ends and the next one begins. */
const FULL_SHARE = 0.95;

/** Milliseconds from the begin of the window until the cap was in use and stayed so to its end. Undefined if it did not. */
export function timeToFull(served: readonly Interval[], cap: number, window: Interval): number | undefined {
  const last = busyWindows(clipped(served, window), cap * FULL_SHARE).at(-1);
  if (last === undefined || last.endMs < window.endMs - BREATH_MS) return undefined;
  return last.startMs - window.startMs;
}
