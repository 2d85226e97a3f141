import { contentHash } from '../../core/canonical-json.ts';
import type { Finding } from '../verdict/finding.ts';

export type Labels = Readonly<Record<string, string>>;

/** Something that people should know of, as Alertmanager names its parts. */
export interface Alert {
  /** The same for the same labels. */
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Labels;
}

/** Which host an alert is about, and where more is to be seen. */
export interface AlertOrigin {
  readonly host: string;
  readonly adminUrl: string;
}

/** The alert of a finding; undefined for a note about a host that is well. */
export function alertOf(finding: Finding, { host, adminUrl }: AlertOrigin): Alert | undefined {
  const { state, causeId, subject, cause, next, severity } = finding;
  if (state === 'well') return undefined;
  const labels = {
    alertname: alertName(causeId),
    cause: causeId,
    host,
    service: 'rampart',
    severity: severity ?? (state === 'degraded' ? 'ticket' : 'page'),
    ...(subject === '' ? {} : { subject }),
  };
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: { summary: cause, next, state, runbook: `docs/runbook.md#${causeId}`, dashboard: adminUrl },
  };
}

/** `RampartBackendDown` for `backend-down`. */
const alertName = (causeId: string): string =>
  `Rampart${causeId
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}`;

/** Sixteen hexadecimal digits, whatever the order of the labels. */
export const fingerprintOf = (labels: Labels): string => contentHash(labels).slice(0, 16);
