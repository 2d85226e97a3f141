import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { whoAsks } from './admin-access.ts';
import { type AdminProblem, readChange } from './admin-change.ts';
import type { HostUpstreams } from './host-upstreams.ts';

const MOST = 100_000;
const bodyHelp = 'the body must be JSON such as {"upstream":"generator","backend":"generator-0","cap":4}';

/** A message that ends with what came. */
const wanted = (what: string) => ({
  error: ({ input }: { readonly input?: unknown }): string =>
    `${what}: got ${JSON.stringify(input)?.slice(0, 100) ?? 'nothing'}`,
});

const wholeNumber = wanted(`cap must be a whole number from 0 to ${MOST}`);
const capSchema = z.strictObject(
  {
    upstream: z.string(wanted('upstream must be a name that /api/status lists')),
    /** All backends of the upstream, if not said. */
    backend: z.string(wanted('backend must be a name that /api/status lists')).optional(),
    cap: z.int(wholeNumber).min(0, wholeNumber).max(MOST, wholeNumber),
  },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `there is no ${(issue.keys as string[]).join(', ')}; ${bodyHelp}` : bodyHelp,
  },
);

export interface CapResult {
  readonly upstream: string;
  readonly backend: string | undefined;
  readonly cap: number;
}

/** POST /api/cap: the new cap replaces the configured one until control starts again. */
export async function changeCap(
  upstreams: Pick<HostUpstreams, 'setCap'>,
  req: IncomingMessage,
): Promise<CapResult | AdminProblem> {
  const text = await readChange(req);
  if (typeof text !== 'string') return text;
  const parsed = capSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), detail: message }));
    const detail = errors.map((error) => error.detail).join('; ');
    return { status: 400, reason: 'invalid-request', detail, errors };
  }
  const { upstream, backend, cap } = parsed.data;
  if (upstreams.setCap(upstream, backend, cap, whoAsks(req))) return { upstream, backend, cap };
  return { status: 404, reason: 'not-found', detail: 'there is no such upstream or backend; /api/status lists them' };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
