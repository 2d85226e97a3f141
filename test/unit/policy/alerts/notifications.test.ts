import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Alert, alertOf, fingerprintOf } from '../../../../src/policy/alerts/alert.ts';
import { alertmanagerBody, webhookBody } from '../../../../src/control/alerts/bodies.ts';
import {
  afterAlerts,
  type AlertState,
  alertTimes,
  noAlerts,
  type Notification,
} from '../../../../src/policy/alerts/notifications.ts';
import type { Silence } from '../../../../src/policy/alerts/silence.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const named = (name: string): Alert => ({
  fingerprint: name,
  labels: { alertname: name, host: 'h', service: 'rampart' },
  annotations: { summary: name },
});
const a = named('a');
const b = named('b');

/** What is told: at which second, why, and which alerts with their states. */
function told(
  seconds: number,
  firing: (second: number) => readonly Alert[],
  silences: readonly Silence[] = [],
): string[] {
  const lines: string[] = [];
  let state: AlertState = noAlerts;
  for (let second = 0; second < seconds; second++) {
    const step = afterAlerts(state, firing(second), silences, second * SECOND);
    state = step.state;
    if (step.notification !== undefined) lines.push(`${second} ${textOf(step.notification)}`);
  }
  return lines;
}
const textOf = ({ reason, alerts }: Notification): string =>
  [
    reason,
    ...alerts.map(({ fingerprint, endsAtMs }) => `${fingerprint} ${endsAtMs === undefined ? 'firing' : 'resolved'}`),
  ].join(' ');

test('what comes within half a minute is told together, and its end after a minute without it, in the next interval', () => {
  assert.deepEqual(
    told(800, (second) => (second < 10 || second >= 200 ? [] : second < 20 ? [a] : [a, b])),
    ['40 first a firing b firing', '340 changed a resolved b resolved'],
  );
});

test('a cause that is over within ten seconds, such as a start, is never told; what lasts is told no later for it', () => {
  assert.deepEqual(
    told(400, (second) => (second < 10 ? [a] : [])),
    [],
  );
  assert.deepEqual(
    told(400, (second) => (second <= 10 ? [a] : [])),
    ['30 first a firing', '330 changed a resolved'],
  );
  // The second one comes shortly before the group is told, and is told when it has lasted.
  assert.deepEqual(
    told(400, (second) => (second < 25 ? [a] : [a, b])),
    ['30 first a firing', '330 changed a firing b firing'],
  );
});

test('an alert that was over before it was told is never told', () => {
  const short = { ...alertTimes, keepFiringMs: 5000 };
  let state: AlertState = noAlerts;
  for (let second = 0; second < 100; second++) {
    const step = afterAlerts(state, second < 20 ? [a] : [], [], second * SECOND, short);
    state = step.state;
    assert.equal(step.notification, undefined);
  }
  assert.deepEqual(state.tracked, []);
});

test('a cause that comes and goes is one alert that goes on', () => {
  assert.deepEqual(
    told(1200, (second) => (second % 50 < 25 ? [a] : [])),
    ['30 first a firing'],
  );
});

test('what still fires is told again after four hours', () => {
  assert.deepEqual(
    told(4 * 3600 + 60, () => [a]),
    ['30 first a firing', '14430 repeated a firing'],
  );
});

test('what begins and ends in silence is never told; what outlasts a silence is told then', () => {
  const silence: Silence = {
    id: '1',
    matchers: [{ name: 'alertname', value: 'a', isEqual: true }],
    startsAtMs: 0,
    endsAtMs: 10 * MINUTE,
    createdBy: 'me',
    comment: '',
  };
  assert.deepEqual(
    told(1000, (second) => (second < 300 ? [a] : []), [silence]),
    [],
  );
  assert.deepEqual(
    told(1000, () => [a, b], [silence]),
    ['30 first b firing', '630 changed a firing b firing'],
  );
  const others = { ...silence, matchers: [{ name: 'alertname', value: 'a', isEqual: false }] };
  assert.deepEqual(
    told(100, () => [a, b], [others]),
    ['30 first a firing'],
  );
});

test('an alert that was told and ends in silence is told as resolved when the silence is over', () => {
  const silence: Silence = {
    id: '1',
    matchers: [{ name: 'host', value: 'h', isEqual: true }],
    startsAtMs: 100 * SECOND,
    endsAtMs: 10 * MINUTE,
    createdBy: 'me',
    comment: '',
  };
  assert.deepEqual(
    told(1000, (second) => (second < 200 ? [a] : []), [silence]),
    ['30 first a firing', '630 changed a resolved'],
  );
});

test('alertOf: severity by the state, none for a note, and the same fingerprint whatever the text', () => {
  const finding = {
    state: 'down',
    causeId: 'upstream-down',
    subject: 'app',
    cause: 'no backend',
    next: 'start',
  } as const;
  const origin = { host: 'h', adminUrl: 'http://127.0.0.1:8081/' };
  const alert = alertOf(finding, origin) ?? assert.fail();
  assert.deepEqual(alert.labels, {
    alertname: 'RampartUpstreamDown',
    cause: 'upstream-down',
    host: 'h',
    service: 'rampart',
    severity: 'page',
    subject: 'app',
  });
  assert.equal(alert.annotations['summary'], 'no backend');
  assert.equal(alertOf({ ...finding, cause: 'other' }, origin)?.fingerprint, alert.fingerprint);
  assert.equal(alertOf({ ...finding, state: 'degraded' }, origin)?.labels['severity'], 'ticket');
  assert.equal(alertOf({ ...finding, state: 'degraded', severity: 'page' }, origin)?.labels['severity'], 'page');
  assert.equal(alertOf({ ...finding, state: 'well' }, origin), undefined);
  assert.equal(fingerprintOf({ x: '1', y: '2' }), fingerprintOf({ y: '2', x: '1' }));
});

test('the bodies are those of Alertmanager: webhook version 4, and /api/v2/alerts', () => {
  const base = { ...a, startsAtMs: 0, lastSeenMs: 0, told: 'nothing' } as const;
  const firing = { ...base, endsAtMs: undefined };
  const over = { ...base, ...b, endsAtMs: 5000 };
  assert.deepEqual(webhookBody({ reason: 'first', alerts: [firing, over] }, 'http://x/'), {
    version: '4',
    groupKey: '{}:{host="h"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'webhook',
    groupLabels: { host: 'h', service: 'rampart' },
    commonLabels: { host: 'h', service: 'rampart' },
    commonAnnotations: {},
    externalURL: 'http://x/',
    notification_reason: 'first',
    alerts: [
      {
        status: 'firing',
        labels: a.labels,
        annotations: { summary: 'a' },
        startsAt: '1970-01-01T00:00:00.000Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: 'http://x/',
        fingerprint: 'a',
      },
      {
        status: 'resolved',
        labels: b.labels,
        annotations: { summary: 'b' },
        startsAt: '1970-01-01T00:00:00.000Z',
        endsAt: '1970-01-01T00:00:05.000Z',
        generatorURL: 'http://x/',
        fingerprint: 'b',
      },
    ],
  });
  assert.deepEqual(
    alertmanagerBody([firing, over], 'http://x/', 1000).map((one) => one['endsAt']),
    ['1970-01-01T00:05:01.000Z', '1970-01-01T00:00:05.000Z'],
  );
});
