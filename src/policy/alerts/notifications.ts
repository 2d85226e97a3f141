import type { Alert } from './alert.ts';
import { isSilenced, type Silence } from './silence.ts';

/** An alert over time, in milliseconds since the epoch. */
export interface TrackedAlert extends Alert {
  readonly startsAtMs: number;
  readonly lastSeenMs: number;
  /** When it ended; undefined while it fires. */
  readonly endsAtMs: number | undefined;
  /** What its receivers know of it. */
  readonly told: 'nothing' | 'firing' | 'resolved';
}

export interface AlertState {
  readonly tracked: readonly TrackedAlert[];
  /** When the first of the changes that wait to be told came; undefined if none waits. */
  readonly waitingSinceMs: number | undefined;
  readonly lastSentMs: number | undefined;
}

export const noAlerts: AlertState = { tracked: [], waitingSinceMs: undefined, lastSentMs: undefined };

/** The times of Alertmanager by default, and how long an alert stays after its cause has gone. */
export interface AlertTimes {
  /** From the first alert of a quiet host to its message, so that what comes together is told together. */
  readonly groupWaitMs: number;
  /** Between two messages with changes. */
  readonly groupIntervalMs: number;
  /** After this time, what still fires is told again. */
  readonly repeatMs: number;
  readonly keepFiringMs: number;
  /** A cause that is over sooner, such as a start or a restart, is never told. */
  readonly leastMs: number;
  /** One that has not lasted so long and is not seen for this long begins anew. */
  readonly longestGapMs: number;
}

export const alertTimes: AlertTimes = {
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatMs: 4 * 3_600_000,
  keepFiringMs: 60_000,
  leastMs: 10_000,
  longestGapMs: 3000,
};

/** Whether it has lasted long enough to be told. */
export const hasLasted = (
  { startsAtMs, lastSeenMs, told }: Pick<TrackedAlert, 'startsAtMs' | 'lastSeenMs' | 'told'>,
  { leastMs }: AlertTimes = alertTimes,
): boolean => told !== 'nothing' || lastSeenMs - startsAtMs >= leastMs;

/** A message to the receivers. */
export interface Notification {
  readonly reason: 'first' | 'changed' | 'repeated';
  readonly alerts: readonly TrackedAlert[];
}

export interface AlertStep {
  readonly state: AlertState;
  readonly notification: Notification | undefined;
}

/** The alerts of this moment, and the message that is due. `firing`: what is wrong now. */
export function afterAlerts(
  before: AlertState,
  firing: readonly Alert[],
  silences: readonly Silence[],
  nowMs: number,
  times: AlertTimes = alertTimes,
): AlertStep {
  const tracked = follow(before.tracked, firing, nowMs, times);
  const spoken = tracked.filter(({ labels }) => !isSilenced(labels, silences, nowMs));
  const news = spoken.filter(isNews);
  const hasNews = news.length > 0;
  const waitingSinceMs = hasNews ? (before.waitingSinceMs ?? nowMs) : undefined;
  const isQuiet = before.lastSentMs === undefined || !tracked.some(({ told }) => told === 'firing');
  const dueMs = isQuiet
    ? (waitingSinceMs ?? nowMs) + times.groupWaitMs
    : Math.max((waitingSinceMs ?? nowMs) + times.groupWaitMs, (before.lastSentMs ?? 0) + times.groupIntervalMs);
  // The group wait runs from the first second, so that what lasts is told no later for it.
  const isDue = news.some((one) => hasLasted(one, times)) && nowMs >= dueMs;
  const told = spoken.filter((one) => one.told === 'firing' && one.endsAtMs === undefined);
  const isRepeated =
    !hasNews && told.length > 0 && before.lastSentMs !== undefined && nowMs - before.lastSentMs >= times.repeatMs;
  if (!isDue && !isRepeated)
    return { state: { ...before, tracked: forgotten(tracked), waitingSinceMs }, notification: undefined };
  // A group is told whole: what fires, and what has ended since.
  const alerts = spoken.filter((one) => one.told === 'firing' || (one.endsAtMs === undefined && hasLasted(one, times)));
  const state = {
    tracked: forgotten(tracked.map((one) => (alerts.includes(one) ? afterTelling(one) : one))),
    waitingSinceMs: undefined,
    lastSentMs: nowMs,
  };
  const reason = isRepeated ? 'repeated' : isQuiet ? 'first' : 'changed';
  return { state, notification: { reason, alerts } };
}

/** An alert that came and went before it was told, and one that began and ended in silence, are never told. */
const isNews = ({ told, endsAtMs }: TrackedAlert): boolean =>
  endsAtMs === undefined ? told !== 'firing' : told === 'firing';

const afterTelling = (alert: TrackedAlert): TrackedAlert => ({
  ...alert,
  told: alert.endsAtMs === undefined ? 'firing' : 'resolved',
});

function follow(
  before: readonly TrackedAlert[],
  firing: readonly Alert[],
  nowMs: number,
  times: AlertTimes,
): TrackedAlert[] {
  const present = new Map(firing.map((alert) => [alert.fingerprint, alert]));
  // Two starts of control within a minute are no cause that lasts.
  const known = before.filter((one) => hasLasted(one, times) || nowMs - one.lastSeenMs <= times.longestGapMs);
  const followed = known.map((one): TrackedAlert => {
    const seen = present.get(one.fingerprint);
    present.delete(one.fingerprint);
    if (seen === undefined) {
      const isOver = one.endsAtMs === undefined && nowMs - one.lastSeenMs >= times.keepFiringMs;
      return isOver ? { ...one, endsAtMs: nowMs } : one;
    }
    // It fires again although its end may not have been told: the same alert goes on.
    if (one.endsAtMs === undefined || one.told === 'firing')
      return { ...one, ...seen, lastSeenMs: nowMs, endsAtMs: undefined };
    return begun(seen, nowMs);
  });
  return [...followed, ...[...present.values()].map((alert) => begun(alert, nowMs))];
}

const begun = (alert: Alert, nowMs: number): TrackedAlert => ({
  ...alert,
  startsAtMs: nowMs,
  lastSeenMs: nowMs,
  endsAtMs: undefined,
  told: 'nothing',
});

/** Without what has ended and of which nothing is left to tell. */
const forgotten = (tracked: readonly TrackedAlert[]): TrackedAlert[] =>
  tracked.filter(({ endsAtMs, told }) => endsAtMs === undefined || told === 'firing');
