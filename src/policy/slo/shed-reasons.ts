/** Refusals by which Rampart keeps its promise to others: 503 with Retry-After, which count neither as good nor as bad. */
export const shedReasons: ReadonlySet<string> = new Set([
  'overloaded',
  'queue-timeout',
  'no-backend',
  'draining',
  'ledger-full',
  'spool-full',
  'store-unavailable',
]);

/** Refusals that protect Rampart or one client from another; a 404 is none. */
export const isProtective = (reason: string): boolean =>
  shedReasons.has(reason) || reason === 'rate-limited' || reason === 'too-many-in-flight';
