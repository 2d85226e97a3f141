import type { Config, UpstreamConfig } from '../config/model.ts';
import type { DiscoveryStatus } from './discovery.ts';
import type { BackendHealth } from './health-checker.ts';
import type { Member } from './members.ts';

/** The state from which `GET /api/status` is built. */
export interface HostState {
  readonly version: string;
  readonly config: Config;
  readonly configHash: string;
  /** The version in force, and the last change. */
  readonly configStatus: Record<string, unknown>;
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly members: readonly Member[];
  readonly health: readonly BackendHealth[];
  readonly discovery: readonly DiscoveryStatus[];
  /** The cap of a backend, and its permits that workers hold. */
  readonly leases: (upstream: string, backend: string) => { cap: number; leased: number } | undefined;
  /** Keys and addresses that have a bucket. */
  readonly rateSubjects: number;
  /** Clients with requests in flight that are counted. */
  readonly inFlightClients: number;
}

/** The reply to `GET /api/status`. */
export function hostStatus(host: HostState): Record<string, unknown> {
  const { version, config, configHash: hash, nowMs, members } = host;
  const workers = members.filter(({ role }) => role === 'gateway');
  const others = members.filter(({ role }) => role !== 'gateway');
  return {
    version,
    node: process.version,
    control: { pid: process.pid, uptime_seconds: secondsBetween(host.startedAtMs, nowMs) },
    config: { hash, agreed: workers.every((worker) => worker.configHash === hash), ...host.configStatus },
    workers: workers.map((member) => memberStatus(member, nowMs)),
    processes: others.map((member) => memberStatus(member, nowMs)),
    backends: host.health.map((backend) => ({
      ...backend,
      up: backend.up ?? null,
      ...host.leases(backend.upstream, backend.backend),
    })),
    discovery: host.discovery,
    drained_upstreams: config.upstreams.filter(isDrained).map(({ name }) => name),
    rate_limits: { subjects: host.rateSubjects },
    in_flight_limits: { clients: host.inFlightClients },
    settings: { gateway_workers: config.env.GATEWAY_WORKERS, generator_instances: config.env.GENERATOR_INSTANCES },
  };
}

/** Whether every backend of the file is drained; generators and backends in DNS come and go by themselves. */
const isDrained = ({ backends, discover, isAnnounced }: UpstreamConfig): boolean =>
  backends.length === 0 && discover === undefined && !isAnnounced;

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
