import { z } from 'zod';
import { ownEndpoints } from '../config/own-routes.ts';
import type { Config } from '../config/model.ts';
import { canonicalHost } from '../core/host.ts';
import type { PurgeTarget } from '../protocol/cache-order.ts';
import { imageTargetOf, IMAGE_ENDPOINT } from '../barcode/image-target.ts';

/** The body of a purge has 16 KiB at most. */
const LONGEST_GROUP = 16_000;

const purgeSchema = z.strictObject({
  endpoint: z.string().optional(),
  /** Path and query as they came. */
  path: z.string().startsWith('/').max(8192).optional(),
  /** In any spelling that the Host field may have. */
  host: z
    .string()
    .max(260)
    .regex(/^[^\s\p{Cc}\p{Cs}/@?#]+$/u, 'must be a host such as shop.example or shop.example:8443')
    .optional(),
  /** As in `Cache-Groups`, whose strings are printable ASCII (RFC 9651). */
  group: z
    .string()
    .max(LONGEST_GROUP)
    .regex(/^[\u0020-\u007e]+$/, 'must be printable ASCII, as strings in Cache-Groups are')
    .optional(),
  /** Stale instead of removed. */
  soft: z.boolean().optional(),
});

/** An error of a request, by field. */
export interface PurgeProblem {
  readonly field: string;
  readonly detail: string;
}

export type ParsedPurge =
  | { readonly ok: true; readonly target: PurgeTarget }
  | { readonly ok: false; readonly problems: readonly PurgeProblem[] };

const wrong = (field: string, detail: string): ParsedPurge => ({ ok: false, problems: [{ field, detail }] });

/** Reads what is to be forgotten: `{}` all of it, `endpoint` a route, `path` (and `host`) one key of it. Does not throw. */
export function parsePurge(text: string, config: Config): ParsedPurge {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return wrong('', 'the body must be JSON: {} for everything, or endpoint, path, host, group, soft');
  }
  const parsed = purgeSchema.safeParse(json);
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.flatMap(problemsOf) };
  const { path, ...given } = parsed.data;
  const { endpoint, host } = given;
  // As the host of a stored reply is written.
  const more = { ...given, host: host && canonicalHost(host) };
  const common = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined && value !== false));
  if (endpoint === undefined) {
    if (path !== undefined) return wrong('path', 'path needs the endpoint whose path it is');
    return { ok: true, target: common };
  }
  const unknown = endpointProblem(endpoint, config);
  if (unknown !== undefined) return wrong('endpoint', unknown);
  const target = path === undefined || endpoint !== IMAGE_ENDPOINT ? path : imageTargetOf(path);
  if (path !== undefined && target === undefined) {
    return wrong('path', `path must be a request of ${IMAGE_ENDPOINT}, such as /v1/render/qrcode?text=hello`);
  }
  if (endpoint === IMAGE_ENDPOINT && host !== undefined) return wrong('host', 'images are the same for every host');
  return { ok: true, target: { ...common, ...(target === undefined ? {} : { target }) } };
}

function endpointProblem(endpoint: string, config: Config): string | undefined {
  const cached = config.routes.filter(({ cache }) => cache !== undefined).map((route) => route.endpoint);
  const known = [IMAGE_ENDPOINT, ...cached];
  if (known.includes(endpoint)) return undefined;
  const isThere = ownEndpoints.includes(endpoint) || config.routes.some((route) => route.endpoint === endpoint);
  return `${isThere ? 'nothing is kept for this endpoint' : 'there is no such endpoint'}; kept are replies of ${known.join(', ')}`;
}

function problemsOf(issue: z.core.$ZodIssue): PurgeProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((field) => ({ field, detail: `there is no field ${JSON.stringify(field)}` }));
  }
  const field = issue.path.join('.');
  return [{ field, detail: field === '' ? 'the body must be a JSON object' : `${field}: ${issue.message}` }];
}
