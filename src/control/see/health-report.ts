import type { FactSources } from './known-facts.ts';

/** A part that the host depends on, by the last check of it. */
export interface DependencyHealth {
  readonly name: string;
  readonly kind: 'postgresql' | 'valkey' | 'upstream';
  /** `unchecked`: it has no health check, or none has ended yet. */
  readonly status: 'up' | 'degraded' | 'down' | 'unchecked' | 'not-installed';
  /** The host serves everything without it, only slower. */
  readonly optional: boolean;
  readonly problem: string | null;
  /** When it was checked last; null where that is not kept. */
  readonly checked_at: string | null;
  readonly took_ms: number | null;
}

type HealthSources = Pick<FactSources, 'config' | 'upstreams' | 'stores'>;
type StoreName = 'postgresql' | 'valkey' | 'valkey-cache';

/** Every dependency of the host; nothing is asked for it, so that it takes no time. */
export function healthReport(sources: HealthSources): DependencyHealth[] {
  const { database, valkey, valkeyCache } = sources.stores;
  return [
    databaseHealth(database),
    valkeyHealth('valkey', valkey),
    valkeyHealth('valkey-cache', valkeyCache),
    ...sources.config.upstreams.map(({ name }) => upstreamHealth(name, sources)),
  ];
}

function databaseHealth(database: FactSources['stores']['database']): DependencyHealth {
  if (database === undefined) return notInstalled('postgresql');
  const { problem, checkedAtMs, tookMs } = database;
  return {
    name: 'postgresql',
    kind: 'postgresql',
    status: checkedAtMs === undefined ? 'unchecked' : problem === undefined ? 'up' : 'down',
    optional: false,
    problem: problem ?? null,
    checked_at: checkedAtMs === undefined ? null : new Date(checkedAtMs).toISOString(),
    took_ms: tookMs === undefined ? null : Math.round(tookMs * 10) / 10,
  };
}

function valkeyHealth(name: 'valkey' | 'valkey-cache', valkey: FactSources['stores']['valkey']): DependencyHealth {
  if (valkey === undefined) return notInstalled(name);
  const { state, problem, heardAtMs, tookMs } = valkey.status();
  return {
    name,
    kind: 'valkey',
    status: state === 'connected' ? 'up' : state === 'connecting' ? 'unchecked' : 'down',
    optional: isOptional(name),
    problem: problem ?? null,
    checked_at: heardAtMs === undefined ? null : new Date(heardAtMs).toISOString(),
    took_ms: tookMs === undefined ? null : Math.round(tookMs * 10) / 10,
  };
}

const isOptional = (name: StoreName): boolean => name === 'valkey-cache';

const notInstalled = (name: StoreName): DependencyHealth => ({
  name,
  kind: name === 'postgresql' ? name : 'valkey',
  status: 'not-installed',
  optional: isOptional(name),
  problem: null,
  checked_at: null,
  took_ms: null,
});

function upstreamHealth(name: string, { upstreams }: Pick<FactSources, 'upstreams'>): DependencyHealth {
  const backends = upstreams.health().filter(({ upstream }) => upstream === name);
  const down = backends.filter(({ up }) => up === false);
  const isUnchecked = backends.length > 0 && backends.every(({ up }) => up === undefined);
  const status =
    backends.length === down.length ? 'down' : isUnchecked ? 'unchecked' : down.length > 0 ? 'degraded' : 'up';
  const problems = down.map(({ backend, problem }) => `${backend}: ${problem ?? 'down'}`);
  return {
    name,
    kind: 'upstream',
    status,
    optional: false,
    problem: backends.length === 0 ? 'it has no backend' : problems.length === 0 ? null : problems.join('; '),
    checked_at: null,
    took_ms: null,
  };
}

/** The host by its dependencies: an optional one that is down degrades it. */
export function overallHealth(dependencies: readonly DependencyHealth[]): 'up' | 'degraded' | 'down' {
  if (dependencies.some(({ status, optional }) => status === 'down' && !optional)) return 'down';
  return dependencies.some(({ status }) => status === 'down' || status === 'degraded') ? 'degraded' : 'up';
}

/** The HTTP status for a program. */
export const healthCode = ({ status }: Pick<DependencyHealth, 'status'>): number =>
  status === 'down' ? 503 : status === 'not-installed' ? 501 : 200;
