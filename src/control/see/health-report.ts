import type { ValkeyStatus } from '../../store/valkey/valkey-link.ts';
import type { FactSources } from './known-facts.ts';

/** A part that the host depends on, by the last check of it. */
export interface DependencyHealth {
  readonly name: string;
  readonly kind: 'postgresql' | 'valkey' | 'upstream';
  /** `unchecked`: it has no health check, or none has ended yet. */
  readonly status: 'up' | 'degraded' | 'down' | 'unchecked' | 'not-installed';
  readonly problem: string | null;
  /** When it was checked last; null where that is not kept. */
  readonly checked_at: string | null;
  readonly took_ms: number | null;
}

interface HealthSources extends Pick<FactSources, 'config' | 'upstreams'> {
  readonly stores: {
    readonly database?: FactSources['database'];
    readonly valkey?: { status(): ValkeyStatus } | undefined;
  };
}

/** Every dependency of the host; nothing is asked for it, so that it takes no time. */
export function healthReport(sources: HealthSources): DependencyHealth[] {
  const { database, valkey } = sources.stores;
  return [
    databaseHealth(database),
    valkey === undefined ? notInstalled('valkey') : valkeyHealth(valkey.status()),
    ...sources.config.upstreams.map(({ name }) => upstreamHealth(name, sources)),
  ];
}

function databaseHealth(database: FactSources['database']): DependencyHealth {
  if (database === undefined) return notInstalled('postgresql');
  const { problem, checkedAtMs, tookMs } = database;
  return {
    name: 'postgresql',
    kind: 'postgresql',
    status: checkedAtMs === undefined ? 'unchecked' : problem === undefined ? 'up' : 'down',
    problem: problem ?? null,
    checked_at: checkedAtMs === undefined ? null : new Date(checkedAtMs).toISOString(),
    took_ms: tookMs === undefined ? null : Math.round(tookMs * 10) / 10,
  };
}

function valkeyHealth({ state, problem, heardAtMs, tookMs }: ValkeyStatus): DependencyHealth {
  return {
    name: 'valkey',
    kind: 'valkey',
    status: state === 'connected' ? 'up' : state === 'connecting' ? 'unchecked' : 'down',
    problem: problem ?? null,
    checked_at: heardAtMs === undefined ? null : new Date(heardAtMs).toISOString(),
    took_ms: tookMs === undefined ? null : Math.round(tookMs * 10) / 10,
  };
}

const notInstalled = (name: 'postgresql' | 'valkey'): DependencyHealth => ({
  name,
  kind: name,
  status: 'not-installed',
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
    problem: backends.length === 0 ? 'it has no backend' : problems.length === 0 ? null : problems.join('; '),
    checked_at: null,
    took_ms: null,
  };
}

/** The HTTP status that says it to a program. */
export const healthCode = ({ status }: Pick<DependencyHealth, 'status'>): number =>
  status === 'down' ? 503 : status === 'not-installed' ? 501 : 200;
