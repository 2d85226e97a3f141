const DAY_MS = 86_400_000;
/** Days before the end of a certificate at which people are told. */
const WARN_DAYS: readonly number[] = [21, 7, 1, 0];

/** The smallest of these thresholds that a certificate has reached; undefined if it is valid for longer. 0: it has expired. */
export function expiryThreshold(expiresAtMs: number, nowMs: number): number | undefined {
  return WARN_DAYS.findLast((days) => expiresAtMs - nowMs <= days * DAY_MS);
}
