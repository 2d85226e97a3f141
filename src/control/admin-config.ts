import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import { hiddenAt, withHiddenValues } from '../config/redaction.ts';
import { contentHash } from '../core/canonical-json.ts';
import { whoAsks } from './admin-access.ts';
import { type AdminProblem, readChange } from './admin-change.ts';
import { type ChangeRequest, etagOf, type ReloadRefusal, type ReloadResult } from './config/change-request.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';

const MAX_CONFIG_BYTES = 3 * 1024 * 1024;

const statuses: Readonly<Record<ReloadRefusal, number>> = {
  invalid: 422,
  guarded: 409,
  'restart-needed': 409,
  workers: 503,
  storage: 507,
  stale: 412,
  'not-found': 404,
};

/** A reply of the admin API with the configuration in it. */
export interface ConfigReply {
  readonly etag: string;
  readonly body: unknown;
}

const queryOf = (req: IncomingMessage): URLSearchParams => new URL(req.url ?? '/', 'http://admin').searchParams;

/** `?dryRun` and `?dryRun=true`, not `?dryRun=false`. */
const isAsked = (query: URLSearchParams, name: string): boolean => query.has(name) && query.get(name) !== 'false';

/** Who asks, as far as it can be told, and what the query says about the change. */
export function changeRequestOf(req: IncomingMessage, why = ''): ChangeRequest {
  const query = queryOf(req);
  return {
    who: whoAsks(req),
    why: (query.get('why') ?? why).slice(0, 500),
    dryRun: isAsked(query, 'dryRun'),
    force: isAsked(query, 'force'),
    persist: isAsked(query, 'persist'),
    ifMatch: req.headers['if-match'],
  };
}

/** GET /api/config: without its secrets. */
export function readConfig({ version, file, layers }: ConfigKeeper, req: IncomingMessage): ConfigReply | AdminProblem {
  const layer = queryOf(req).get('layer') ?? 'effective';
  if (layer === 'effective') return { etag: etagOf(version), body: hiddenAt('', file) };
  if (layer === 'file')
    return { etag: `"file-${contentHash(layers.base).slice(0, 16)}"`, body: hiddenAt('', layers.base) };
  if (layer === 'overrides') {
    const { overrides, pin } = layers;
    const body = {
      overrides: overrides.map(({ path, base, value, who, atMs, persist }) => {
        const name = path.join('.');
        const at = new Date(atMs).toISOString();
        return { path: name, base: hiddenAt(name, base), value: hiddenAt(name, value), who, at, persist };
      }),
      pinned_version: pin?.version ?? null,
    };
    return { etag: `"overrides-${contentHash(layers).slice(0, 16)}"`, body };
  }
  return {
    status: 400,
    reason: 'invalid-request',
    detail: `layer must be file, overrides or effective: got '${layer.slice(0, 40)}'`,
  };
}

/** PUT /api/config: the whole configuration, which is set beside the file. */
export async function putConfig(keeper: ConfigKeeper, req: IncomingMessage): Promise<ReloadResult | AdminProblem> {
  if (req.headers['if-match'] === undefined) {
    const detail =
      'PUT /api/config needs If-Match with the ETag of GET /api/config, so that no change of another is lost';
    return { status: 428, reason: 'precondition-required', detail };
  }
  const wanted = await readJsonChange(req, MAX_CONFIG_BYTES);
  if ('problem' in wanted) return wanted.problem;
  const { value } = wanted;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return badBody('the body must be the configuration, as an object');
  return keeper.override((file: ParsedConfigFile) => withHiddenValues(value, file), changeRequestOf(req));
}

const reloadBody = z.strictObject({
  dryRun: z.boolean().optional(),
  force: z.boolean().optional(),
  why: z.string().max(500).optional(),
});

/** POST /api/config/reload: `{}` for the file as it is now. */
export async function reloadConfig(keeper: ConfigKeeper, req: IncomingMessage): Promise<ReloadResult | AdminProblem> {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = reloadBody.safeParse(body.value);
  if (!parsed.success) return badBody('the body must be JSON such as {"dryRun":true,"force":false,"why":"more room"}');
  const { dryRun, force, why } = parsed.data;
  const asked = changeRequestOf(req, why);
  return keeper.reload({ ...asked, dryRun: dryRun ?? asked.dryRun, force: force ?? asked.force });
}

const rollbackBody = z.strictObject({ version: z.int().min(1), why: z.string().max(500).optional() });

/** POST /api/config/rollback: puts a kept version in force until the file changes. */
export async function rollbackConfig(keeper: ConfigKeeper, req: IncomingMessage): Promise<ReloadResult | AdminProblem> {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = rollbackBody.safeParse(body.value);
  if (!parsed.success) return badBody('the body must be JSON such as {"version":7}; /api/config/versions lists them');
  return keeper.rollback(parsed.data.version, changeRequestOf(req, parsed.data.why));
}

/** GET /api/config/versions: those that are kept, the newest first. */
export function listVersions({ history, version, layers }: ConfigKeeper): unknown {
  const versions = history
    .numbers()
    .toReversed()
    .flatMap((number) => {
      const found = history.find(number);
      if (found === undefined) return [];
      const { hash, atMs, who, why, changes } = found;
      return [{ version: number, hash, at: new Date(atMs).toISOString(), who, why, changes }];
    });
  return { in_force: version.number, pinned: layers.pin?.version ?? null, versions };
}

/** The reply to a change, or the problem that it ended with. */
export function changeReply(result: ReloadResult | AdminProblem): ConfigReply | AdminProblem {
  if (!('outcome' in result)) return result;
  const { outcome, reason = 'invalid', number, hash, problems, changes, remarks } = result;
  if (outcome !== 'refused')
    return { etag: etagOf(result), body: { outcome, version: number, hash, changes, remarks } };
  return { status: statuses[reason], reason: `config-${reason}`, detail: problems.join('; '), errors: problems };
}

export const badBody = (detail: string): AdminProblem => ({ status: 400, reason: 'invalid-request', detail });

export async function readJsonChange(
  req: IncomingMessage,
  maxBytes?: number,
): Promise<{ readonly value: unknown } | { readonly problem: AdminProblem }> {
  const text = await readChange(req, maxBytes);
  if (typeof text !== 'string') return { problem: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: badBody('the body must be JSON') };
  }
}
