/** A backend of several slots with one queue, at a load of `offered` = rate × service time. Times in milliseconds. */
export interface ServedQueue {
  readonly slots: number;
  readonly offered: number;
  readonly serviceMs: number;
  /** Variance of the service times over their squared mean: 0 if all are equal, 1 if they are exponential. */
  readonly variability: number;
}

/**
 * The part of the requests that find every slot busy (Erlang C), by the recursion of Erlang B:
 *     B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)), C = B / (1 - (1 - B) a / k)
 * 1 where the slots do not carry the load.
 */
export function waitingShare(slots: number, offered: number): number {
  if (offered >= slots) return 1;
  let blocked = 1;
  for (let slot = 1; slot <= slots; slot++) blocked = (offered * blocked) / (slot + offered * blocked);
  return blocked / (1 - ((1 - blocked) * offered) / slots);
}

/**
 * The part of the requests that wait for longer than this: C exp(-t / w), w the mean wait of those that wait. For M/M/k
 * w = s / (k - a); other service times scale it by (1 + variability) / 2 (Allen and Cunneen).
 */
export function waitsLonger(queue: ServedQueue, ms: number): number {
  const { slots, offered } = queue;
  if (offered >= slots) return 1;
  return waitingShare(slots, offered) * Math.exp(-ms / meanWaitMs(queue));
}

/** The q-quantile of the wait; infinite where the slots do not carry the load. */
export function waitQuantileMs(queue: ServedQueue, q: number): number {
  const { slots, offered } = queue;
  if (offered >= slots) return Number.POSITIVE_INFINITY;
  return Math.max(0, meanWaitMs(queue) * Math.log(waitingShare(slots, offered) / (1 - q)));
}

const meanWaitMs = ({ slots, offered, serviceMs, variability }: ServedQueue): number =>
  ((1 + variability) / 2) * (serviceMs / (slots - offered));
