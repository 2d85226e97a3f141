import { z } from 'zod';
import { ask } from './ask.ts';

/** The cap of one backend, as /api/status shows it. */
export interface BackendCap {
  readonly upstream: string;
  readonly backend: string;
  readonly cap: number;
}

/** The status of a running Rampart, as operators see it. */
export interface AdminStatus {
  readonly version: string;
  readonly node: string;
  readonly caps: readonly BackendCap[];
}

export interface AdminTarget {
  readonly url: string;
  /** ADMIN_TOKEN; undefined on loopback without one. */
  readonly token: string | undefined;
  readonly insecure: boolean;
}

const statusSchema = z.object({
  version: z.string(),
  node: z.string(),
  backends: z.array(z.object({ upstream: z.string(), backend: z.string(), cap: z.int().min(0).optional() })),
});

/** Reads /api/status. Rejects where nothing answers there, the token is refused or the answer is not a Rampart's. */
export async function readStatus(target: AdminTarget): Promise<AdminStatus> {
  const { status, text } = await ask(target, { path: '/api/status', headers: authorization(target) });
  if (status !== 200) throw new Error(`Cannot read ${target.url}/api/status: ${refusalOf(status, text)}`);
  const parsed = statusSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new Error(`Cannot read ${target.url}/api/status: the answer is not that of a Rampart's admin API`);
  }
  const { version, node, backends } = parsed.data;
  const caps = backends.flatMap(({ cap, ...backend }) => (cap === undefined ? [] : [{ ...backend, cap }]));
  return { version, node, caps };
}

/** Sets the cap of a backend, or of all backends of an upstream. Rejects with the reason of the admin API. */
export async function setCap(
  target: AdminTarget,
  change: { readonly upstream: string; readonly backend?: string; readonly cap: number },
): Promise<void> {
  const { status, text } = await ask(target, {
    method: 'POST',
    path: '/api/cap',
    headers: { ...authorization(target), 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  if (status !== 200) {
    throw new Error(`Cannot set the cap of ${change.upstream} to ${change.cap}: ${refusalOf(status, text)}`);
  }
}

const authorization = ({ token }: AdminTarget): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** The status, and the detail of the problem where there is one. */
function refusalOf(status: number, text: string): string {
  const detail = (jsonOf(text) as { readonly detail?: unknown } | undefined)?.detail;
  return `it was answered with ${status}${typeof detail === 'string' ? ` (${detail})` : ''}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
