import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Silence } from '../../policy/alerts/silence.ts';
import { type AdminProblem } from '../admin-change.ts';
import { badBody, readJsonChange } from '../admin-config.ts';

const MOST_DAYS = 366;
const matcher = z.strictObject({
  name: z.string().min(1).max(100),
  value: z.string().max(500),
  isEqual: z.boolean().default(true),
});
const request = z.strictObject({
  matchers: z.array(matcher).min(1).max(20),
  startsAt: z.iso.datetime().optional(),
  endsAt: z.iso.datetime(),
  createdBy: z.string().max(200).default('admin API'),
  comment: z.string().max(1000).default(''),
});

const help =
  'the body must be JSON such as {"matchers":[{"name":"alertname","value":"RampartBackendDown"}],"endsAt":"2030-01-01T06:00:00Z","comment":"maintenance"}; endsAt must be in the future, within a year';

/** POST /api/silences: a silence as Alertmanager's API takes it. */
export async function readSilence(req: IncomingMessage, nowMs: number): Promise<Silence | AdminProblem> {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = request.safeParse(body.value);
  if (!parsed.success) return badBody(help);
  const { matchers, startsAt, endsAt, createdBy, comment } = parsed.data;
  const startsAtMs = startsAt === undefined ? nowMs : Date.parse(startsAt);
  const endsAtMs = Date.parse(endsAt);
  if (endsAtMs <= Math.max(nowMs, startsAtMs) || endsAtMs > nowMs + MOST_DAYS * 86_400_000) return badBody(help);
  return { id: randomUUID(), matchers, startsAtMs, endsAtMs, createdBy, comment };
}

/** As the admin API shows it. */
export const shownSilence = ({
  id,
  matchers,
  startsAtMs,
  endsAtMs,
  createdBy,
  comment,
}: Silence): Record<string, unknown> => ({
  id,
  matchers,
  startsAt: new Date(startsAtMs).toISOString(),
  endsAt: new Date(endsAtMs).toISOString(),
  createdBy,
  comment,
});
