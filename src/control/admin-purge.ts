import type { IncomingMessage } from 'node:http';
import { type AdminProblem, readChange } from './admin-change.ts';
import { parsePurge } from './purge-request.ts';
import type { PurgeResult } from './cache-orders.ts';
import type { Control } from './control.ts';

/** POST /api/cache/purge. */
export async function purge(control: Control, req: IncomingMessage): Promise<PurgeResult | AdminProblem> {
  const text = await readChange(req);
  if (typeof text !== 'string') return text;
  const parsed = parsePurge(text, control.config);
  if (parsed.ok) return control.purgeCache(parsed.target);
  const detail = parsed.problems.map((problem) => problem.detail).join('; ');
  return { status: 400, reason: 'invalid-request', detail, errors: parsed.problems };
}
