import { type AdminProblem, readChange } from './admin-change.ts';
import { type FleetFields, fleetFields } from './admin-fleet.ts';
import type { AdminRequest } from './admin-request.ts';
import type { PurgeResult } from './cache-orders.ts';
import { parsePurge } from './purge-request.ts';

/** POST /api/cache/purge. */
export async function purge({ control, req, res }: AdminRequest): Promise<(PurgeResult & FleetFields) | AdminProblem> {
  const text = await readChange(req);
  if (typeof text !== 'string') return text;
  const parsed = parsePurge(text, control.config);
  if (parsed.ok) {
    const { fleet, ...result } = await control.caches.purge(parsed.target);
    return { ...result, ...fleetFields(fleet, res) };
  }
  const detail = parsed.problems.map((problem) => problem.detail).join('; ');
  return { status: 400, reason: 'invalid-request', detail, errors: parsed.problems };
}
