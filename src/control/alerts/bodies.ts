import { fingerprintOf, type Labels } from '../../policy/alerts/alert.ts';
import type { Notification, TrackedAlert } from '../../policy/alerts/notifications.ts';

/** What Go writes for a time that is not set. */
const NO_TIME = '0001-01-01T00:00:00Z';
/** Alertmanager takes an alert for resolved if nobody repeats it for so long. */
const ALERTMANAGER_KEEPS_MS = 300_000;

const time = (ms: number): string => new Date(ms).toISOString();

/** The body of Alertmanager's webhook, version 4 (prometheus/alertmanager docs/configuration.md). */
export function webhookBody({ alerts, reason }: Notification, externalURL: string): Record<string, unknown> {
  const groupLabels = commonOf(alerts.map(({ labels: { host = '', service = '' } }) => ({ host, service })));
  return {
    version: '4',
    groupKey: `{}:{host="${groupLabels['host'] ?? ''}"}`,
    truncatedAlerts: 0,
    status: alerts.some(({ endsAtMs }) => endsAtMs === undefined) ? 'firing' : 'resolved',
    receiver: 'webhook',
    groupLabels,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL,
    notification_reason: reason,
    alerts: alerts.map(({ labels, annotations, startsAtMs, endsAtMs, fingerprint }) => ({
      status: endsAtMs === undefined ? 'firing' : 'resolved',
      labels,
      annotations,
      startsAt: time(startsAtMs),
      endsAt: endsAtMs === undefined ? NO_TIME : time(endsAtMs),
      generatorURL: externalURL,
      fingerprint,
    })),
  };
}

/** The body of `POST /api/v2/alerts` of an Alertmanager. */
export const alertmanagerBody = (
  alerts: readonly TrackedAlert[],
  generatorURL: string,
  nowMs: number,
): Record<string, unknown>[] =>
  alerts.map(({ labels, annotations, startsAtMs, endsAtMs }) => ({
    labels,
    annotations,
    startsAt: time(startsAtMs),
    endsAt: time(endsAtMs ?? nowMs + ALERTMANAGER_KEEPS_MS),
    generatorURL,
  }));

/** What all have with the same value. */
function commonOf(all: readonly Labels[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((one) => one[name] === value)),
  );
}

/** An alert that only shows that messages arrive. */
export function testAlert(host: string, adminUrl: string, nowMs: number): TrackedAlert {
  const labels = { alertname: 'RampartTest', host, service: 'rampart', severity: 'ticket' };
  const summary = `a test of alerts from ${host}: nothing is wrong`;
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: { summary, next: 'nothing to do', dashboard: adminUrl },
    startsAtMs: nowMs,
    lastSeenMs: nowMs,
    endsAtMs: undefined,
    told: 'nothing',
  };
}
