import { isLoopbackHost } from '../../core/loopback.ts';
import type { UpstreamConfig } from '../../config/model.ts';
import type {
  BackendSignals,
  DatabaseSignals,
  FleetSignals,
  HostSignals,
  TrafficSignals,
  UpstreamSignals,
  WorkerSignals,
} from '../../policy/verdict/signals.ts';
import { shedReasons } from '../../policy/slo/shed-reasons.ts';
import { type HostFacts, processLabel, upstreamsByEndpoint } from './facts.ts';
import { sumOf, valueOf } from './totals.ts';
import type { CountedWindow } from './counted-window.ts';

const DAY_S = 86_400;
/** Workers connect within this time after control's start, even on a busy machine. */
const START_MS = 15_000;
/** The items of batches, which come through the gateway as requests. */
const ITEM_ENDPOINT = 'renderItem';

export interface SignalSources {
  readonly facts: HostFacts;
  readonly window: CountedWindow;
  /** The counters of each process, by its id. */
  readonly memberWindows: ReadonlyMap<string, CountedWindow>;
  /** How long a request usually takes an upstream. */
  readonly usualWorkMs: (upstream: string) => number | undefined;
  /** Requests of an upstream that have failed since one succeeded. */
  readonly failedInARow: (upstream: string) => number;
}

/** What the verdict is derived from. */
export function signalsOf(sources: SignalSources): HostSignals {
  const { facts, window, memberWindows } = sources;
  const { members, machine } = facts;
  const cpu = 'rampart_process_cpu_seconds_total';
  const workers = members
    .filter(({ role }) => role === 'gateway')
    .map((member): WorkerSignals => {
      return {
        name: processLabel(member),
        silentMs: member.silentMs,
        processors: memberWindows.get(member.id)?.rate(cpu),
      };
    });
  return {
    workers: {
      wanted: facts.wantedWorkers,
      present: workers,
      isStarting: facts.nowMs - facts.startedAtMs < START_MS,
      restarts: facts.restarts,
    },
    upstreams: upstreamsOf(sources),
    traffic: trafficOf(window),
    machine: { ...machine, ownShare: window.rate(cpu) / machine.processors },
    database: databaseOf(facts, window),
    fleet: fleetSignalsOf(facts),
    fleetNews: facts.fleetNews,
    sharedCache: facts.sharedCache,
    ledger: {
      pending: sumOf(window.end, 'rampart_ledger_pending'),
      writtenPerSecond: window.rateOf('rampart_ledger_records_total', 'written'),
    },
    config: {
      disagreeing: members
        .filter((one) => one.role === 'gateway' && one.configHash !== undefined && one.configHash !== facts.configHash)
        .map(processLabel),
      reloadProblem: facts.reloadProblem,
    },
    certificates: certificatesOf(window, facts.nowMs),
    objectives: facts.objectives,
    degradations: facts.degradations,
  };
}

/** Requests per second that were answered with a 5xx which is no refusal, by endpoint; only those above zero. */
export function errorRates(window: CountedWindow): Map<string, number> {
  const refused = refusalRates(window, (reason) => shedReasons.has(reason));
  const errors = new Map<string, number>();
  for (const [key, rate] of window.rates('rampart_requests_total')) {
    const [endpoint = '', status = ''] = key.split('\n');
    if (status.startsWith('5')) errors.set(endpoint, (errors.get(endpoint) ?? 0) + rate);
  }
  for (const [endpoint, rate] of errors) errors.set(endpoint, Math.max(0, rate - (refused.get(endpoint) ?? 0)));
  return errors;
}

/** Refusals per second for the reasons that are asked for, by endpoint; only those above zero. */
export function refusalRates(window: CountedWindow, isAsked: (reason: string) => boolean): Map<string, number> {
  const refused = new Map<string, number>();
  for (const [key, rate] of window.rates('rampart_rejections_total')) {
    const [endpoint = '', reason = ''] = key.split('\n');
    if (isAsked(reason)) refused.set(endpoint, (refused.get(endpoint) ?? 0) + rate);
  }
  return refused;
}

/** Refusals per second by reason, but those of items of batches: they are put back, and nobody is turned away. */
export function refusalsByReason(window: CountedWindow): Map<string, number> {
  const refused = new Map<string, number>();
  for (const [key, rate] of window.rates('rampart_rejections_total')) {
    const [endpoint, reason = ''] = key.split('\n');
    if (endpoint !== ITEM_ENDPOINT) refused.set(reason, (refused.get(reason) ?? 0) + rate);
  }
  return refused;
}

export const sumOfRates = (rates: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const rate of rates.values()) sum += rate;
  return sum;
};

function trafficOf(window: CountedWindow): TrafficSignals {
  return {
    requestsPerSecond: window.rate('rampart_requests_total'),
    errorsPerSecond: sumOfRates(errorRates(window)),
    leftPerSecond: window.ratesBy('rampart_requests_total', 1).get('499') ?? 0,
    refused: Object.fromEntries(refusalsByReason(window)),
  };
}

function upstreamsOf({ facts, window, usualWorkMs, failedInARow }: SignalSources): UpstreamSignals[] {
  const byEndpoint = upstreamsByEndpoint(facts.config);
  const refusals = new Map<string, Record<string, number>>();
  for (const [key, rate] of window.rates('rampart_rejections_total')) {
    const [endpoint = '', reason = ''] = key.split('\n');
    const names = [...(byEndpoint.get(endpoint) ?? [])];
    // A refusal of an endpoint with several upstreams cannot be told apart; each gets its part.
    for (const name of names) {
      const refused = refusals.get(name) ?? {};
      refused[reason] = (refused[reason] ?? 0) + rate / names.length;
      refusals.set(name, refused);
    }
  }
  return facts.config.upstreams.map((config) => {
    const { name } = config;
    const backends = facts.health
      .filter(({ upstream }) => upstream === name)
      .map((one) => backendOf(one, facts, window));
    const ended = sum(backends, ({ endedPerSecond }) => endedPerSecond);
    const busy = sum(backends, ({ workMs = 0, endedPerSecond }) => workMs * endedPerSecond);
    return {
      name,
      isBesideRampart:
        !config.isAnnounced && facts.health.some((one) => one.upstream === name && isOnThisMachine(one.origin)),
      isDrained:
        isDrained(config) || (backends.length > 0 && backends.every((one) => facts.held(name, one.name) !== undefined)),
      lookupProblem: facts.discovery.find(({ upstream }) => upstream === name)?.problem ?? undefined,
      permits: sum(backends, ({ cap, isUp }) => (isUp === false ? 0 : cap)),
      inFlight: sum(backends, ({ inFlight }) => inFlight),
      queued: sumOf(window.end, 'rampart_queue_depth', name),
      isStanding: valueOf(window.end, 'rampart_queue_standing', name) > 0,
      endedPerSecond: ended,
      failedPerSecond: sum(backends, ({ failedPerSecond }) => failedPerSecond),
      failedInARow: failedInARow(name),
      refused: refusals.get(name) ?? {},
      workMs: ended > 0 ? busy / ended : undefined,
      usualWorkMs: usualWorkMs(name),
      isRetryBudgetSpent: window.rateOf('rampart_retries_total', name, 'over-budget') > 0,
      ejected: backends.filter((one) => isSetAside(facts, name, one.name)).length,
      backends,
    };
  });
}

/** A Unix socket, or a loopback address. */
function isOnThisMachine(origin: string): boolean {
  const hostname = URL.canParse(origin) ? new URL(origin).hostname : '';
  return hostname === '' || isLoopbackHost(hostname);
}

/** Whether every backend of the file is drained; generators and backends in DNS come and go by themselves. */
export const isDrained = ({ backends, discover, isAnnounced }: UpstreamConfig): boolean =>
  backends.length === 0 && discover === undefined && !isAnnounced;

/** Whether at least half of the workers do not use a backend that is up, although nobody has told them so. */
export function isSetAside({ members, health, held }: HostFacts, upstream: string, backend: string): boolean {
  if (held(upstream, backend) !== undefined) return false;
  if (health.find((one) => one.upstream === upstream && one.backend === backend)?.up === false) return false;
  const workers = members.filter(({ role }) => role === 'gateway');
  const without = workers.filter(({ setAside }) => setAside.has(`${upstream}\n${backend}`)).length;
  return without > 0 && 2 * without >= workers.length;
}

const failedOutcomes = ['failure', 'timeout', 'refused'] as const;
const endedOutcomes = ['success', ...failedOutcomes, 'abandoned'] as const;

function backendOf(health: HostFacts['health'][number], facts: HostFacts, window: CountedWindow): BackendSignals {
  const { upstream, backend: name } = health;
  const rateOf = (outcome: string): number => window.rateOf('rampart_backend_requests_total', upstream, name, outcome);
  const ended = sum(endedOutcomes, rateOf);
  const busySeconds = window.rateOf('rampart_backend_busy_seconds_total', upstream, name);
  const cap = facts.leases(upstream, name)?.cap ?? 0;
  return {
    name,
    isUp: health.up,
    problem: health.problem,
    cap,
    // The utilisation law: the time that permits were held, per second, is how many were held on average. It is counted at
    // the end of a request, so that long ones that end together would be more than there are permits.
    inFlight: Math.max(valueOf(window.end, 'rampart_backend_in_flight', upstream, name), Math.min(cap, busySeconds)),
    endedPerSecond: ended,
    failedPerSecond: sum(failedOutcomes, rateOf),
    workMs: ended > 0 ? (busySeconds / ended) * 1000 : undefined,
  };
}

function fleetSignalsOf({ fleet }: HostFacts): FleetSignals | undefined {
  if (fleet === undefined || fleet.backends.length === 0) return undefined;
  const permits = fleet.backends.reduce((sum, backend) => sum + backend.permits, 0);
  return { host: fleet.host, state: fleet.state, problem: fleet.problem ?? undefined, permits };
}

function databaseOf({ database }: HostFacts, { end }: CountedWindow): DatabaseSignals | undefined {
  if (database === undefined) return undefined;
  const connections = (state: string): number => {
    let count = 0;
    for (const [key, value] of end.numbers.get('rampart_db_pool_connections') ?? [])
      if (key.endsWith(`\n${state}`)) count += value;
    return count;
  };
  const max = connections('max');
  return {
    problem: database.problem,
    poolShare: max > 0 ? connections('busy') / max : undefined,
    waiting: connections('waiting'),
  };
}

function certificatesOf({ end }: CountedWindow, nowMs: number): HostSignals['certificates'] {
  const expiries = end.numbers.get('rampart_tls_certificate_not_after_seconds') ?? new Map<string, number>();
  return [...expiries].map(([name, notAfter]) => ({ name, daysLeft: (notAfter - nowMs / 1000) / DAY_S }));
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
