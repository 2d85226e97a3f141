import type { VerdictView } from '../protocol/live-view.ts';
import type { Member } from './members.ts';
import type { FactSources } from './see/known-facts.ts';
import { isDrained } from './see/signals-of.ts';

/** The state from which `GET /api/status` is built. */
export interface HostState extends FactSources {
  /** Keys and addresses that have a bucket, and who decides. */
  readonly rateLimits: Record<string, unknown>;
  /** Which version of its fleet this host has; undefined or null without one. */
  readonly fleetConfig: Record<string, unknown> | null | undefined;
  /** Clients with requests in flight that are counted. */
  readonly inFlightClients: number;
  readonly verdict: VerdictView;
}

/** The reply to `GET /api/status`. */
export function hostStatus(host: HostState): Record<string, unknown> {
  const { version, config, configHash: hash, members, keeper, upstreams } = host;
  const nowMs = host.clock.wallNow();
  const workers = members.filter(({ role }) => role === 'gateway');
  const others = members.filter(({ role }) => role !== 'gateway');
  return {
    version,
    verdict: verdictStatus(host.verdict),
    node: process.version,
    control: { pid: process.pid, uptime_seconds: secondsBetween(host.startedAtMs, nowMs) },
    config: { hash, agreed: workers.every((worker) => worker.configHash === hash), ...keeper.status() },
    workers: workers.map((member) => memberStatus(member, nowMs)),
    processes: others.map((member) => memberStatus(member, nowMs)),
    backends: upstreams.health().map((backend) => ({
      ...backend,
      up: backend.up ?? null,
      ...upstreams.leases?.stateOf(backend.upstream, backend.backend),
      held: upstreams.holds?.kindOf(backend.upstream, backend.backend) ?? null,
    })),
    fleet: upstreams.fleet?.status() ?? null,
    fleet_news: host.fleetNews ?? null,
    fleet_config: host.fleetConfig ?? null,
    discovery: upstreams.discovery(),
    drained_upstreams: config.upstreams.filter(isDrained).map(({ name }) => name),
    rate_limits: host.rateLimits,
    in_flight_limits: { clients: host.inFlightClients },
    settings: { gateway_workers: config.env.GATEWAY_WORKERS, generator_instances: config.env.GENERATOR_INSTANCES },
  };
}

function verdictStatus({ state, sinceMs, causeId, cause, next, others }: VerdictView): Record<string, unknown> {
  return {
    state,
    since: new Date(sinceMs).toISOString(),
    cause,
    cause_id: causeId,
    next,
    others: others.map((other) => ({
      state: other.state,
      cause: other.cause,
      cause_id: other.causeId,
      next: other.next,
    })),
  };
}

function memberStatus(member: Member, nowMs: number): Record<string, unknown> {
  const { role, instance, pid, version, startedAtMs, status, configHash: hash, configVersion } = member;
  return {
    role,
    instance,
    pid,
    version,
    uptime_seconds: secondsBetween(startedAtMs, nowMs),
    ...(hash === undefined ? {} : { config_hash: hash, config_version: configVersion?.number ?? null }),
    status,
  };
}

const secondsBetween = (startMs: number, endMs: number): number => Math.round((endMs - startMs) / 1000);
