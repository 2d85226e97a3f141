import { replyProblem } from './admin-reply.ts';
import type { AdminRequest } from './admin-request.ts';

/** GET /api/events: the host second by second, until the viewer leaves or its session ends. */
export function openEvents({ access, events, req, res }: AdminRequest): void {
  const last = Number(req.headers['last-event-id'] ?? '');
  const lastChange = Number.isInteger(last) && last > 0 ? last : undefined;
  const secret = req.headers.authorization === undefined ? access.secretOf(req) : undefined;
  const isAllowed = (): boolean =>
    access.isOpen || secret === undefined || access.sessions.roleOf(secret) !== undefined;
  if (events.open(res, lastChange, isAllowed)) return;
  const detail = 'as many event streams are open as control serves; close one, or read /api/status';
  replyProblem(res, { status: 503, reason: 'overloaded', detail, retryAfterSeconds: 10 });
}
