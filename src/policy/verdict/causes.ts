/**
 * Every cause that the verdict can name, the one that explains most first: of several findings of the same gravity, the first
 * in this table is the cause. Each is a section of docs/runbook.md.
 * `confirm` and `of`: in how many of the last seconds it must have shown, because one second of load may be chance; a queue that
 * stands is usual for seconds at 80 % of the load that a few permits carry.
 */
export const causes = {
  'no-worker': { confirm: 1, of: 1 },
  'database-away': { confirm: 1, of: 1 },
  'fleet-apart': { confirm: 2, of: 3 },
  'fleet-news-apart': { confirm: 3, of: 3 },
  'upstream-down': { confirm: 1, of: 1 },
  'upstream-drained': { confirm: 1, of: 1 },
  'upstream-unknown': { confirm: 1, of: 1 },
  'ledger-full': { confirm: 1, of: 1 },
  'spool-full': { confirm: 1, of: 1 },
  'upstream-failing': { confirm: 2, of: 3 },
  'backend-down': { confirm: 1, of: 1 },
  'worker-stuck': { confirm: 1, of: 1 },
  'backend-slow': { confirm: 2, of: 3 },
  'backend-failing': { confirm: 2, of: 3 },
  'backend-ejected': { confirm: 2, of: 3 },
  'other-programs': { confirm: 2, of: 3 },
  processors: { confirm: 2, of: 3 },
  'gateway-processors': { confirm: 2, of: 3 },
  'work-grew': { confirm: 2, of: 3 },
  'database-pool': { confirm: 2, of: 3 },
  permits: { confirm: 2, of: 3 },
  refusals: { confirm: 2, of: 3 },
  'queue-standing': { confirm: 8, of: 8 },
  'clients-leave': { confirm: 2, of: 3 },
  errors: { confirm: 2, of: 3 },
  'retry-budget-spent': { confirm: 2, of: 3 },
  'ledger-behind': { confirm: 2, of: 3 },
  'process-restarts': { confirm: 1, of: 1 },
  'shared-cache-away': { confirm: 2, of: 3 },
  'worker-missing': { confirm: 3, of: 3 },
  'configuration-differs': { confirm: 3, of: 3 },
  'reload-failed': { confirm: 1, of: 1 },
  'name-lookup-failed': { confirm: 1, of: 1 },
  'objective-burning': { confirm: 1, of: 1 },
  'errors-degraded': { confirm: 1, of: 1 },
  'p95-degraded': { confirm: 1, of: 1 },
  'p99-degraded': { confirm: 1, of: 1 },
  'hit-rate-degraded': { confirm: 1, of: 1 },
  'pool-degraded': { confirm: 1, of: 1 },
  'certificate-expires': { confirm: 1, of: 1 },
  'clients-unauthenticated': { confirm: 2, of: 3 },
  'client-limited': { confirm: 2, of: 3 },
} as const;

export type CauseId = keyof typeof causes;

export const precedence: readonly string[] = Object.keys(causes);
