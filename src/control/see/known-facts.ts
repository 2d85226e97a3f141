import { z } from 'zod';
import type { Config } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Snapshot } from '../../metrics/instruments.ts';
import type { ConfigKeeper } from '../config/config-keeper.ts';
import type { HostUpstreams } from '../host-upstreams.ts';
import type { Member } from '../members.ts';
import type { NewsReader } from '../fleet/news-reader.ts';
import type { ValkeyStatus } from '../../store/valkey/valkey-link.ts';
import type { DatabaseWatch } from './database-watch.ts';
import type { MemberFacts } from './facts.ts';
import type { KnownFacts } from './observer.ts';
import { refusedKeysIn } from './refused-keys-of.ts';
import { processFamilies, readTotals } from './totals.ts';

interface WatchedValkey {
  status(): ValkeyStatus;
}

export interface FactSources {
  readonly clock: Clock;
  readonly version: string;
  readonly startedAtMs: number;
  readonly config: Config;
  readonly configHash: string;
  readonly keeper: ConfigKeeper;
  readonly members: readonly Member[];
  readonly upstreams: HostUpstreams;
  /** The last report of a process. */
  readonly reportOf: (member: Member) => { readonly metrics: Snapshot; readonly at: number } | undefined;
  /** The stores that the host depends on. */
  readonly stores: {
    readonly database?: DatabaseWatch | undefined;
    readonly valkey?: WatchedValkey | undefined;
    readonly valkeyCache?: WatchedValkey | undefined;
  };
  /** Whether this host hears of purges of all hosts; undefined without VALKEY_URL. */
  readonly fleetNews: ReturnType<NewsReader['status']> | undefined;
  readonly wantedWorkers: number;
}

/** What control knows of its host at this moment. */
export function knownFacts(sources: FactSources): KnownFacts {
  const { clock, version, startedAtMs, config, configHash, keeper, members, upstreams, fleetNews } = sources;
  const { database, valkeyCache } = sources.stores;
  return {
    nowMs: clock.wallNow(),
    version,
    startedAtMs,
    config,
    configHash,
    configVersion: keeper.version,
    configSinceMs: keeper.sinceMs,
    reloadProblem: keeper.refusal,
    members: members.map((member) => memberFacts(member, sources)),
    health: upstreams.health(),
    leases: (upstream, backend) => upstreams.leases?.stateOf(upstream, backend),
    held: (upstream, backend) => upstreams.holds?.kindOf(upstream, backend),
    discovery: upstreams.discovery(),
    wantedWorkers: sources.wantedWorkers,
    fleet: upstreams.fleet?.status(),
    fleetNews: fleetNews && { isApart: fleetNews.state === 'apart', problem: fleetNews.problem ?? undefined },
    sharedCache: valkeyCache && { problem: problemOf(valkeyCache.status()) },
    database: database === undefined ? undefined : { problem: database.problem },
  };
}

const problemOf = ({ state, problem }: ValkeyStatus): string | undefined =>
  state === 'unavailable' ? (problem ?? 'no answer') : undefined;

function memberFacts(member: Member, { clock, reportOf }: FactSources): MemberFacts {
  const { id, role, instance, pid, startedAtMs, configHash, configVersion, status } = member;
  const report = reportOf(member);
  return {
    id,
    role,
    instance,
    pid,
    startedAtMs,
    totals: readTotals(report === undefined ? [] : [report.metrics], processFamilies),
    silentMs: clock.now() - (report?.at ?? member.joinedAt),
    configHash,
    configVersion: configVersion?.number,
    setAside: setAsideIn(status),
    refusedKeys: refusedKeysIn(status),
  };
}

const availability = z.object({
  upstreams: z.array(
    z.object({ name: z.string(), backends: z.array(z.object({ id: z.string(), available: z.boolean() })) }),
  ),
});

function setAsideIn(status: unknown): Set<string> {
  const found = new Set<string>();
  for (const { name, backends } of availability.safeParse(status).data?.upstreams ?? [])
    for (const { id, available } of backends) if (!available) found.add(`${name}\n${id}`);
  return found;
}
