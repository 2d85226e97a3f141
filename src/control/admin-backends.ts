import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { ParsedConfigFile } from '../config/file-schema.ts';
import { originOf, type UpstreamFile } from '../config/health.ts';
import { parseBackendUrl } from '../core/backend-url.ts';
import { UsageError } from '../core/errors.ts';
import { badBody, readJsonChange, changeRequestOf } from './admin-config.ts';
import type { AdminProblem } from './admin-change.ts';
import type { ReloadResult } from './config/change-request.ts';
import type { ConfigKeeper } from './config/config-keeper.ts';

const backend = z
  .string()
  .max(2048)
  .refine((url) => typeof parseBackendUrl(url) !== 'string');
const common = { upstream: z.string(), why: z.string().max(500).optional() };
const change = z.discriminatedUnion('action', [
  z.strictObject({ ...common, action: z.enum(['add', 'remove', 'drain', 'undrain']), backend }),
  z.strictObject({ ...common, action: z.literal('cap'), cap: z.int().min(1).max(100_000) }),
]);

type BackendChange = z.output<typeof change>;

const help =
  'the body must be JSON such as {"upstream":"app","action":"add","backend":"http://127.0.0.1:3001"}; action is add, remove, drain or undrain, or cap with {"cap":8}';

/** POST /api/backends: one change of an upstream of the configuration file, set beside it. */
export async function changeBackends(keeper: ConfigKeeper, req: IncomingMessage): Promise<ReloadResult | AdminProblem> {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = change.safeParse(body.value);
  if (!parsed.success) return badBody(help);
  return keeper.override((file) => edited(file, parsed.data), changeRequestOf(req, parsed.data.why));
}

/** The configuration with the change in it. Throws a UsageError if the upstream or the backend is not there. */
function edited(file: ParsedConfigFile, asked: BackendChange): ParsedConfigFile {
  const upstream = file.upstreams?.[asked.upstream];
  if (upstream === undefined) {
    const names = Object.keys(file.upstreams ?? {});
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
    throw new UsageError(`there is no upstream '${asked.upstream}' in the configuration file; ${known}`);
  }
  const next = asked.action === 'cap' ? { ...upstream, cap: asked.cap } : withBackend(upstream, asked);
  return { ...file, upstreams: { ...file.upstreams, [asked.upstream]: next } };
}

function withBackend(
  upstream: UpstreamFile,
  { action, backend: url, upstream: name }: Extract<BackendChange, { readonly backend: string }>,
): UpstreamFile {
  const origin = originOf(url);
  const is = (one: string): boolean => originOf(one) === origin;
  const { backends, drained = [], ...others } = upstream;
  const known = backends.find(is);
  if (action === 'add') return known === undefined ? { ...upstream, backends: [...backends, origin] } : upstream;
  if (known === undefined) {
    throw new UsageError(`there is no backend ${origin} in upstream '${name}'; it has ${backends.join(', ')}`);
  }
  const left = drained.filter((one) => !is(one));
  const rest = action === 'remove' ? backends.filter((one) => !is(one)) : backends;
  const drainedNow = action === 'drain' ? [...left, known] : left;
  // Without the setting where it is empty, so that nothing is left of a change that was taken back.
  return { ...others, backends: rest, ...(drainedNow.length === 0 ? {} : { drained: drainedNow }) };
}
