/**
 * The share of a backend's cap that the worker at `rank` of `workers` gets: equal shares, the remainder to the first.
 * The shares of all ranks add up to the cap, unless there are more workers than permits: then every worker gets one,
 * as a worker without any could never serve, and the backend's own cap is what holds.
 */
export function permitShare(cap: number, workers: number, rank: number): number {
  if (workers <= 1) return cap;
  const share = Math.floor(cap / workers) + (rank < cap % workers ? 1 : 0);
  return Math.max(1, share);
}
