import type { FleetStatus } from '../fleet/fleet-status.ts';
import type { Config } from '../../config/model.ts';
import type { DegradationSignals, FleetNewsSignals, ObjectiveSignals } from '../../policy/verdict/signals.ts';
import type { RefusedKeyView } from '../../protocol/live-view.ts';
import type { Role } from '../../protocol/messages.ts';
import type { HoldKind } from '../backend-holds.ts';
import type { DiscoveryStatus } from '../discovery.ts';
import type { BackendHealth } from '../health-checker.ts';
import type { Totals } from './totals.ts';

/** What control knows of its host in one second, beside what was counted. */
export interface HostFacts {
  /** In milliseconds since the epoch. */
  readonly nowMs: number;
  readonly version: string;
  readonly startedAtMs: number;
  readonly config: Config;
  readonly configHash: string;
  readonly configVersion: { readonly number: number; readonly hash: string };
  readonly configSinceMs: number;
  /** Why the last change of the configuration was refused; undefined if it was not. */
  readonly reloadProblem: string | undefined;
  /** How many gateway workers there should be; 1 where that is not known. */
  readonly wantedWorkers: number;
  readonly members: readonly MemberFacts[];
  readonly health: readonly BackendHealth[];
  /** The cap of a backend, and its permits that workers hold. */
  readonly leases: (upstream: string, backend: string) => { readonly cap: number; readonly leased: number } | undefined;
  /** Whether a person keeps requests from the backend. */
  readonly held: (upstream: string, backend: string) => HoldKind | undefined;
  readonly discovery: readonly DiscoveryStatus[];
  /** Undefined if nothing needs PostgreSQL. */
  readonly database: { readonly problem: string | undefined } | undefined;
  /** Undefined without VALKEY_URL. */
  readonly fleet?: FleetStatus | undefined;
  readonly fleetNews?: FleetNewsSignals | undefined;
  /** Undefined if workers do not use VALKEY_CACHE_URL. */
  readonly sharedCache?: { readonly problem: string | undefined } | undefined;
  readonly machine: { readonly processors: number; readonly busyShare: number | undefined };
  readonly objectives: readonly ObjectiveSignals[];
  readonly degradations: readonly DegradationSignals[];
  /** Processes that came again within the last minute. */
  readonly restarts: readonly { readonly name: string; readonly count: number }[];
}

/** A process that is connected to control. */
export interface MemberFacts {
  readonly id: string;
  readonly role: Role;
  readonly instance: number;
  readonly pid: number;
  readonly startedAtMs: number;
  /** Of its last report. */
  readonly totals: Totals;
  /** Since its last report. */
  readonly silentMs: number;
  readonly configHash: string | undefined;
  readonly configVersion: number | undefined;
  /** The backends that it does not use at present although they are up, as `upstream LF backend`. */
  readonly setAside: ReadonlySet<string>;
  /** The keys whose requests it refuses, by their ids. */
  readonly refusedKeys: ReadonlyMap<string, RefusedKeyView>;
}

export const processLabel = ({ role, instance }: Pick<MemberFacts, 'role' | 'instance'>): string =>
  `${role} ${instance}`;

/** The upstreams that an endpoint's requests go to, by endpoint, from the routes of the configuration. */
export function upstreamsByEndpoint({ routes }: Pick<Config, 'routes'>): Map<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>(
    ['createBarcode', 'renderBarcode', 'getBarcodeImage'].map((name) => [name, new Set(['generator'])]),
  );
  for (const { endpoint, upstream, upstreams = [] } of routes) {
    const names = found.get(endpoint) ?? new Set();
    for (const name of [upstream, ...upstreams.map((side) => side.upstream)]) if (name !== undefined) names.add(name);
    found.set(endpoint, names);
  }
  return found;
}
