import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { AdminProblem } from './admin-change.ts';
import { whoAsks } from './admin-access.ts';
import { badBody, readJsonChange } from './admin-config.ts';
import type { HostUpstreams } from './host-upstreams.ts';

const MOST_SECONDS = 86_400;
const DEFAULT_SECONDS = 60;

const emptyBody = z.strictObject({});
const ejectBody = z.strictObject({ seconds: z.int().min(1).max(MOST_SECONDS).default(DEFAULT_SECONDS) });

export interface HoldResult {
  readonly upstream: string;
  readonly backend: string;
  readonly held: 'drained' | 'ejected' | null;
}

type Holder = Pick<HostUpstreams, 'hold' | 'release'>;

/** POST /api/backends/{upstream}/{backend}/drain, undrain or eject. */
export async function changeHold(
  upstreams: Holder,
  verb: string,
  [upstream = '', backend = '']: readonly string[],
  req: IncomingMessage,
): Promise<HoldResult | AdminProblem> {
  const who = whoAsks(req);
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  if (verb === 'eject') {
    const parsed = ejectBody.safeParse(body.value);
    if (!parsed.success) return badBody(`the body must be JSON such as {"seconds":60}, with 1 to ${MOST_SECONDS}`);
    const { seconds } = parsed.data;
    return upstreams.hold(upstream, backend, 'ejected', { forMs: seconds * 1000, who })
      ? { upstream, backend, held: 'ejected' }
      : unknownBackend;
  }
  if (!emptyBody.safeParse(body.value).success) return badBody('the body must be {}');
  if (verb === 'undrain') {
    if (upstreams.release(upstream, backend, who)) return { upstream, backend, held: null };
    const detail =
      'no such backend is drained or ejected by the admin API; one of the configuration file is changed there';
    return { status: 409, reason: 'not-held', detail };
  }
  return upstreams.hold(upstream, backend, 'drained', { who })
    ? { upstream, backend, held: 'drained' }
    : unknownBackend;
}

const unknownBackend: AdminProblem = {
  status: 404,
  reason: 'not-found',
  detail: 'there is no such upstream or backend; /api/status lists them',
};
