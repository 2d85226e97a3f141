import { parseBackendUrl } from '../core/backend-url.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { Environment } from './environment.ts';
import type { FleetConfig } from './fleet-model.ts';
import type { UpstreamFile } from './health.ts';
import type { UpstreamConfig } from './model.ts';

const DEFAULT_FLOOR = 0.5;

/** How hosts share the permits of an upstream; undefined if every host has the whole cap. */
export function fleetOf(upstream: UpstreamFile, { UPSTREAM_TIMEOUT_MS }: Environment): FleetConfig | undefined {
  const { scope = 'host', mode = 'prompt', fleet = {}, maxDurationMs = UPSTREAM_TIMEOUT_MS } = upstream;
  if (scope === 'host' || mode === 'soft') return undefined;
  return {
    mode,
    floorShare: Math.round((fleet.floor ?? DEFAULT_FLOOR) * 1000),
    expectedHosts: fleet.expectedHosts,
    maxDurationMs: mode === 'strict' ? maxDurationMs : undefined,
  };
}

/** The permits of a host that has not reached Valkey yet. */
export const firstFloor = (cap: number, { floorShare, expectedHosts }: FleetConfig): number =>
  expectedHosts === undefined ? 0 : Math.floor((cap * floorShare) / 1000 / expectedHosts);

/** Whether other hosts may reach the same backend at this origin: a loopback address or a socket is another one on each host. */
export function isShared(origin: string): boolean {
  const parsed = parseBackendUrl(origin);
  return typeof parsed !== 'string' && parsed.socketPath === undefined && !isLoopbackHost(new URL(origin).hostname);
}

/** Settings of a fleet that do not fit the others. `given`: the variables that are set, also those whose value is wrong, which is said by itself. */
export function fleetProblems(
  given: ReadonlySet<string>,
  upstreams: Readonly<Record<string, UpstreamFile>> | undefined,
): string[] {
  return Object.entries(upstreams ?? {}).flatMap(([name, { scope = 'host', mode, fleet, maxDurationMs }]) => {
    const problems: string[] = [];
    if (scope === 'fleet' && mode !== 'soft' && !given.has('VALKEY_URL'))
      problems.push(`upstreams.${name}.scope: 'fleet' needs VALKEY_URL, where the hosts share their permits`);
    if (scope === 'host' && (mode !== undefined || fleet !== undefined || maxDurationMs !== undefined))
      problems.push(`upstreams.${name}: mode, fleet and maxDurationMs are for scope: 'fleet'`);
    if (scope === 'fleet' && mode === 'soft' && fleet !== undefined)
      problems.push(
        `upstreams.${name}.fleet: mode: 'soft' has no lease, so there are no floors to set: remove fleet, or take mode: 'prompt'`,
      );
    if (scope === 'fleet' && maxDurationMs !== undefined && mode !== 'strict')
      problems.push(`upstreams.${name}.maxDurationMs: is for mode: 'strict', got mode: '${mode ?? 'prompt'}'`);
    return problems;
  });
}

/** Whether workers keep replies in VALKEY_CACHE_URL: not where a purge would not reach it, and not where no replies are kept. */
export const usesSharedCache = ({
  VALKEY_URL,
  VALKEY_CACHE_URL,
  CACHE_MAX_BYTES,
  CACHE_TTL_SECONDS,
}: Environment): boolean =>
  VALKEY_URL !== undefined && VALKEY_CACHE_URL !== undefined && CACHE_MAX_BYTES > 0 && CACHE_TTL_SECONDS > 0;

/** A remark on a host that shares a Valkey with others and no PostgreSQL. */
export const storeRemarks = ({
  VALKEY_URL,
  DATABASE_URL,
}: Pick<Environment, 'VALKEY_URL' | 'DATABASE_URL'>): string[] =>
  VALKEY_URL === undefined || DATABASE_URL !== undefined
    ? []
    : [
        'VALKEY_URL is set and DATABASE_URL is not: rampart reload --fleet needs one PostgreSQL for all hosts, and is refused on each of them while this host lives',
      ];

/** Remarks of `rampart check` on fleet upstreams that are valid, but may not do as their writer wants. */
export function fleetRemarks(upstreams: readonly UpstreamConfig[]): string[] {
  return upstreams.flatMap(({ name, fleet, backends, cap }) => {
    if (fleet === undefined) return [];
    const own = backends.filter(({ origin }) => !isShared(origin));
    const remarks = own.map(
      ({ origin }) =>
        `upstreams.${name}: ${origin} is on this machine, so other hosts have another backend there, and its cap counts over this host`,
    );
    const floor = (cap * fleet.floorShare) / 1000;
    if (fleet.expectedHosts !== undefined && fleet.floorShare > 0 && floor < fleet.expectedHosts)
      remarks.push(
        `upstreams.${name}.fleet: of ${fleet.expectedHosts} hosts, ${fleet.expectedHosts - Math.floor(floor)} keep no permit of a backend while Valkey is away, as the floor is ${fleet.floorShare / 1000} of cap ${cap}`,
      );
    return remarks;
  });
}
