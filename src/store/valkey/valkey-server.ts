/** What a Valkey or Redis says of itself in `INFO`. */
export interface ValkeyServer {
  /** Changes with each start of the server. */
  readonly runId: string;
  /** Such as `Valkey 8.1.0` or `Redis 7.0.15`. */
  readonly version: string;
  readonly maxMemoryPolicy: string | undefined;
  /** 0: without a limit. Undefined if it does not say so. */
  readonly maxMemoryBytes: number | undefined;
  /** Why it cannot be used; undefined if it can. */
  readonly problem: string | undefined;
}

/** Functions (`FCALL`) came with Redis 7.0. Every Valkey has them. */
const FIRST_MAJOR = 7;

/** Reads the answer to `INFO`. */
export function valkeyServer(info: string): ValkeyServer {
  const fields = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const runId = fields.get('run_id') ?? '';
  const valkey = fields.get('valkey_version');
  const redis = fields.get('redis_version') ?? '';
  const version = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`;
  const isOld = valkey === undefined && !(Number.parseInt(redis, 10) >= FIRST_MAJOR);
  const problem = problemOf({ runId, role: fields.get('role'), isLoading: fields.get('loading') === '1' });
  return {
    runId,
    version,
    maxMemoryPolicy: fields.get('maxmemory_policy'),
    maxMemoryBytes: numberOf(fields.get('maxmemory')),
    problem:
      problem ?? (isOld ? `it is ${version}, which has no functions: take Valkey, or Redis 7.0 or newer` : undefined),
  };
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);

function problemOf({ runId, role, isLoading }: { runId: string; role: string | undefined; isLoading: boolean }) {
  if (runId === '') return 'it does not answer as Valkey or Redis does';
  if (role !== undefined && role !== 'master') return 'it is a replica: the URL must name the primary, or sentinels';
  return isLoading ? 'it is still loading its data' : undefined;
}
