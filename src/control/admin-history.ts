import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { HistoryView } from '../protocol/live-view.ts';
import type { AdminProblem } from './admin-change.ts';
import type { LiveSource } from './see/live-source.ts';

const DAY_S = 86_400;
const MOST_POINTS = 1440;

const query = z.strictObject({
  /** How far back, from now. */
  seconds: z.coerce.number().int().min(10).max(DAY_S).default(900),
  points: z.coerce.number().int().min(10).max(MOST_POINTS).default(300),
});

/** GET /api/history?seconds=900&points=300: the figures of the last day, and what changed meanwhile. */
export function readHistory(live: LiveSource, req: Pick<IncomingMessage, 'url'>): HistoryView | AdminProblem {
  const asked = Object.fromEntries(new URL(req.url ?? '/', 'http://admin').searchParams);
  const parsed = query.safeParse(asked);
  if (!parsed.success) {
    const detail = `seconds must be a whole number from 10 to ${DAY_S}, points one from 10 to ${MOST_POINTS}`;
    return { status: 400, reason: 'invalid-request', detail };
  }
  const toMs = live.view.atMs;
  return live.history(toMs - parsed.data.seconds * 1000, toMs, parsed.data.points);
}
