import type { Finding } from './finding.ts';
import type { DegradationSignals, HostSignals } from './signals.ts';

const next = {
  p95: 'look at the endpoint in the console: whether it waits or works longer, since when, and what changed then',
  p99: 'look for what few requests have in common: one slow backend, large bodies, a lock',
  errors: 'look at rampart_errors_total by error_type and at the backends of the endpoint',
  'hit-rate': 'look at evictions, at lifetimes that are too short, and at what changed in the URLs',
  pool: 'look for slow queries in the log, before every connection is busy and calls wait',
} as const satisfies Record<DegradationSignals['kind'], string>;

/** The alerts on degradation that fire. */
export const degradationFindings = ({ degradations }: HostSignals): Finding[] =>
  degradations.map(({ kind, subject, limit, measured }) => ({
    state: 'degraded',
    causeId: `${kind}-degraded`,
    subject,
    severity: 'ticket',
    cause:
      kind === 'pool'
        ? `the database pools of ${subject}: ${measured} (alert: ${limit})`
        : `${subject}: ${measured} (alert: ${limit})`,
    next: next[kind],
  }));
