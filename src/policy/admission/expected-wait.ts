/** Requests in flight in the order in which they began, as a list that is walked from the oldest. */
export interface InFlightEntry {
  readonly startedAt: number;
  readonly next: InFlightEntry | undefined;
}

export interface WaitSituation {
  /** Requests that would be served first. */
  readonly ahead: number;
  /** Requests that can be in flight. */
  readonly concurrency: number;
  /** How long one takes, on average. */
  readonly serviceMs: number;
  readonly oldest: InFlightEntry | undefined;
}

/** With so many in flight their ends are spread evenly, whenever they began. */
const MAX_WALK = 512;

/**
 * How long a request that joins the queue now will wait, in milliseconds: the larger of two estimates.
 * By rate: one leaves every serviceMs / concurrency. By age: the n-th to be served takes the place of the n-th oldest in
 * flight, which ends one service time after its start; this one sees that requests which began together end together.
 */
export function expectedWaitMs({ ahead, concurrency, serviceMs, oldest }: WaitSituation, now: number): number {
  const position = ahead + 1;
  const byRate = (position * serviceMs) / concurrency;
  if (concurrency > MAX_WALK) return byRate;
  const rounds = Math.floor(ahead / concurrency);
  let entry = oldest;
  for (let left = ahead % concurrency; left > 0 && entry !== undefined; left--) entry = entry.next;
  if (entry === undefined) return byRate;
  const firstEnd = Math.max(0, entry.startedAt + serviceMs - now);
  return Math.max(byRate, firstEnd + rounds * serviceMs);
}
