import { z } from 'zod';
import { loadJson, saveJson } from '../../core/json-file.ts';
import { savedMoment } from '../saved-numbers.ts';
import { type AlertState, noAlerts } from '../../policy/alerts/notifications.ts';
import type { Silence } from '../../policy/alerts/silence.ts';

/** A message that its receiver has not taken yet. */
export interface Outgoing {
  readonly body: unknown;
  readonly createdAtMs: number;
}

/** What outlives control, so that a restart neither doubles nor loses a message. */
export interface SavedAlerts {
  readonly state: AlertState;
  readonly silences: readonly Silence[];
  /** In the order in which they are sent. */
  readonly outbox: readonly Outgoing[];
}

const labels = z.record(z.string(), z.string());
const optional = savedMoment.optional().transform((value) => value);
const tracked = z.object({
  fingerprint: z.string(),
  labels,
  annotations: labels,
  startsAtMs: savedMoment,
  lastSeenMs: savedMoment,
  endsAtMs: optional,
  told: z.enum(['nothing', 'firing', 'resolved']),
});
const saved = z.object({
  state: z.object({ tracked: z.array(tracked), waitingSinceMs: optional, lastSentMs: optional }),
  silences: z.array(
    z.object({
      id: z.string(),
      matchers: z.array(z.object({ name: z.string(), value: z.string(), isEqual: z.boolean() })),
      startsAtMs: savedMoment,
      endsAtMs: savedMoment,
      createdBy: z.string(),
      comment: z.string(),
    }),
  ),
  outbox: z.array(z.object({ body: z.unknown(), createdAtMs: savedMoment })),
});

/** A file that cannot be read or has another shape counts as none. */
export function loadAlerts(path: string): SavedAlerts {
  const found = saved.safeParse(loadJson(path)).data;
  if (found === undefined) return { state: noAlerts, silences: [], outbox: [] };
  const { state, ...rest } = found;
  return {
    ...rest,
    state: {
      tracked: state.tracked.map((one) => ({ ...one, endsAtMs: one.endsAtMs })),
      waitingSinceMs: state.waitingSinceMs,
      lastSentMs: state.lastSentMs,
    },
  };
}

/** Throws the system's error. */
export const saveAlerts = (path: string, alerts: SavedAlerts): void => saveJson(path, alerts);
