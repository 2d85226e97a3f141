import { z } from 'zod';
import type { RateLimit } from '../protocol/tokens.ts';

/** How much one client may use, over this host: a rate, a number of requests in flight, or both. */
export const clientLimitFields = {
  requestsPerSecond: z.number().min(0.001).max(1_000_000).optional(),
  /** Requests that may come at once after a rest. */
  burst: z.int().min(1).max(1_000_000).optional(),
  /** Requests that may be in flight at a time, tunnels and streams among them. */
  maxConcurrent: z.int().min(1).max(1_000_000).optional(),
};

interface ClientLimitFile {
  readonly requestsPerSecond?: number | undefined;
  readonly burst?: number | undefined;
  readonly maxConcurrent?: number | undefined;
}

export function checkClientLimit(
  { requestsPerSecond, burst, maxConcurrent }: ClientLimitFile,
  context: z.RefinementCtx,
): void {
  const issue = (message: string): void => context.addIssue({ code: 'custom', message });
  if ((requestsPerSecond === undefined) !== (burst === undefined))
    issue('must have requestsPerSecond and burst together');
  else if (requestsPerSecond === undefined && maxConcurrent === undefined)
    issue('must have requestsPerSecond with burst, or maxConcurrent');
}

/** The rate of a limit; undefined if it has none. */
export const rateOf = ({ requestsPerSecond, burst }: ClientLimitFile = {}): RateLimit | undefined =>
  requestsPerSecond === undefined || burst === undefined ? undefined : { requestsPerSecond, burst };
