import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/model.ts';
import type { PurgeTarget } from '../protocol/cache-order.ts';
import { type AdminProblem, readChange } from './admin-change.ts';
import { parsePurge } from './purge-request.ts';
import type { PurgeResult } from './cache-orders.ts';

/** The part of control that purges caches. */
export interface Purger {
  readonly config: Config;
  purgeCache(target: PurgeTarget): Promise<PurgeResult>;
}

/** POST /api/cache/purge. */
export async function purge(purger: Purger, req: IncomingMessage): Promise<PurgeResult | AdminProblem> {
  const text = await readChange(req);
  if (typeof text !== 'string') return text;
  const parsed = parsePurge(text, purger.config);
  if (parsed.ok) return purger.purgeCache(parsed.target);
  const detail = parsed.problems.map((problem) => problem.detail).join('; ');
  return { status: 400, reason: 'invalid-request', detail, errors: parsed.problems };
}
