/**
 * The times of the leases that hosts hold, in milliseconds. A host's lease ends `GUARD_MS` before it ends in the fleet
 * book: two clocks may differ in rate by `CLOCK_RATE_ERROR`, and a step of the server's clock of up to
 * `UNNOTICED_STEP_MS` is not found.
 */
export const LEASE_MS = 10_000;
export const RENEW_MS = 2500;
/** A renewal comes earlier or later by up to this part of its interval, so that hosts do not call together. */
export const RENEW_JITTER = 0.1;
export const RETRY_MS = 500;
export const CLOCK_RATE_ERROR = 0.1;
const UNNOTICED_STEP_MS = 300;
export const GUARD_MS = LEASE_MS * CLOCK_RATE_ERROR + UNNOTICED_STEP_MS;
/** Largest difference between the server's time and what a host expects of it, beside what the clocks' rates explain. */
export const STEP_TOLERANCE_MS = 250;
/** Hosts renew more often than this: after a longer silence of the whole fleet a newcomer cannot trust the clock. */
export const SILENCE_MS = RENEW_MS * (1 + RENEW_JITTER) + 1000;
/** Writes that a failover may lose: `min-replicas-max-lag` of the server. */
const LOST_WRITES_MS = 2000;
/** A grant of this age is in the replica of the book. */
export const SURE_AFTER_MS = LOST_WRITES_MS * (1 + CLOCK_RATE_ERROR) + 300;
/** After a loss of its state, the book repeats the claims of hosts for this long and moves nothing. */
export const LEARNING_MS = LEASE_MS + LOST_WRITES_MS + 1000;
/** A host that was not heard for this long is forgotten, and its floor is free. */
export const FORGET_MS = 600_000;
/** For this long after a host did not get what it wanted, other hosts are asked for what exceeds their share. */
export const SHORTAGE_MS = 1000;
/** If there are fewer permits than hosts, the next host gets its turn after this time. */
export const TURN_MS = 1000;
/** The least time between two calls of a host whose requests wait. The calls of all hosts together stay below `MOST_ASKS_PER_MS`. */
const ASK_SPACING_MS = 20;
export const MOST_ASKS_PER_MS = 5;
const MOST_ASK_SPACING_MS = 160;
/** Calls at the least spacing before the spacing doubles with each call. Donors need about as long to give permits back. */
const ASKS_BEFORE_BACKOFF = 5;

/** How long a host waits before it asks again, by the calls in a row that brought no permit. */
export function askSpacingMs(failedAsks: number): number {
  return Math.min(MOST_ASK_SPACING_MS, ASK_SPACING_MS * 2 ** Math.max(0, failedAsks - ASKS_BEFORE_BACKOFF));
}

/** The number of failed asks after one more. `hasDonors`: the book has asked other hosts for permits. Without donors the backoff begins at once. */
export function nextFailedAsks(failedAsks: number, hasDonors: boolean): number {
  return (hasDonors ? failedAsks : Math.max(failedAsks, ASKS_BEFORE_BACKOFF)) + 1;
}
