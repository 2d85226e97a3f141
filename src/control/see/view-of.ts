import type { HostSignals, UpstreamSignals } from '../../policy/verdict/signals.ts';
import type { HostVerdict } from '../../policy/verdict/verdict.ts';
import type {
  BackendView,
  EndpointView,
  HostNumbers,
  LiveView,
  ProcessView,
  UpstreamView,
  WorkerView,
} from '../../protocol/live-view.ts';
import { chainOf } from './chain-of.ts';
import { type HostFacts, type MemberFacts, processLabel } from './facts.ts';
import { refusedKeysOf } from './refused-keys-of.ts';
import { isProtective } from '../../policy/slo/shed-reasons.ts';
import { errorRates, isSetAside, refusalRates, refusalsByReason, sumOfRates } from './signals-of.ts';
import { sumOf, valueOf } from './totals.ts';
import type { CountedWindow } from './counted-window.ts';

/** What an endpoint has promised, and what is left of its budget. */
export interface EndpointPromise {
  readonly targetP95Ms: number | null;
  readonly budgetLeft: number | null;
}

export const noPromise: EndpointPromise = { targetP95Ms: null, budgetLeft: null };

export interface ViewSources {
  readonly facts: HostFacts;
  readonly signals: HostSignals;
  readonly verdict: HostVerdict;
  /** Over which rates and percentiles are shown. */
  readonly window: CountedWindow;
  readonly memberWindows: ReadonlyMap<string, CountedWindow>;
  readonly promiseOf: (endpoint: string) => EndpointPromise;
}

/** What control tells of its host. */
export function viewOf(sources: ViewSources): LiveView {
  const { facts, signals, verdict, window } = sources;
  const { version, startedAtMs, configVersion, configSinceMs, members } = facts;
  const numbers = numbersOf(window, members);
  return {
    schemaVersion: 1,
    atMs: facts.nowMs,
    version,
    node: process.version,
    startedAtMs,
    verdict: {
      state: verdict.state,
      sinceMs: verdict.sinceMs,
      causeId: verdict.causeId,
      cause: verdict.cause,
      next: verdict.next,
      others: verdict.others.map(({ state, causeId, cause, next }) => ({ state, causeId, cause, next })),
    },
    numbers,
    chain: chainOf(signals, numbers, facts.config),
    upstreams: named(
      signals.upstreams,
      ({ name }) => name,
      (upstream) => upstreamView(upstream, sources),
    ),
    workers: named(
      members.filter(({ role }) => role === 'gateway'),
      processLabel,
      (member) => workerView(member, sources),
    ),
    processes: named(
      members.filter(({ role }) => role !== 'gateway'),
      processLabel,
      (member) => processView(member, sources),
    ),
    endpoints: endpointsOf(sources),
    config: {
      version: configVersion.number,
      hash: configVersion.hash.slice(0, 12),
      sinceMs: configSinceMs,
      isAgreed: signals.config.disagreeing.length === 0,
    },
  };
}

const named = <T, V>(items: readonly T[], name: (item: T) => string, view: (item: T) => V): Record<string, V> =>
  Object.fromEntries(items.map((item) => [name(item), view(item)]));

function numbersOf(window: CountedWindow, members: readonly MemberFacts[]): HostNumbers {
  const requestsPerSecond = window.rate('rampart_requests_total');
  const quantileMs = window.quantilesMs('rampart_latency_seconds');
  const cache = window.ratesBy('rampart_cache_requests_total', 1);
  const looked = [...cache].reduce((total, [result, rate]) => (result === 'bypass' ? total : total + rate), 0);
  const fresh = (cache.get('hit') ?? 0) + (cache.get('stale') ?? 0) + (cache.get('collapsed') ?? 0);
  const refused = [...refusalsByReason(window)].filter(([reason]) => isProtective(reason));
  return {
    requestsPerSecond: rounded(requestsPerSecond),
    p50Ms: known(quantileMs(0.5)),
    p95Ms: known(quantileMs(0.95)),
    p99Ms: known(quantileMs(0.99)),
    inFlight: sumOf(window.end, 'rampart_in_flight'),
    queued: sumOf(window.end, 'rampart_queue_depth'),
    streams: sumOf(window.end, 'rampart_streams'),
    errorShare: share(sumOfRates(errorRates(window)), requestsPerSecond),
    refusedPerSecond: rounded(refused.reduce((total, [, rate]) => total + rate, 0)),
    refusedBy: Object.fromEntries(refused.map(([reason, rate]) => [reason, rounded(rate)])),
    refusedKeys: refusedKeysOf(members.map(({ refusedKeys }) => refusedKeys)),
    cacheHitShare: looked > 0 ? share(fresh, looked) : null,
  };
}

function upstreamView(upstream: UpstreamSignals, { facts, window }: ViewSources): UpstreamView {
  const { name, permits, inFlight, queued, endedPerSecond } = upstream;
  return {
    inFlight: Math.round(inFlight),
    cap: upstream.backends.reduce((sum, { cap }) => sum + cap, 0),
    permits,
    queued,
    streams: sumOf(window.end, 'rampart_streams', name),
    requestsPerSecond: rounded(endedPerSecond),
    backends: named(
      upstream.backends,
      (backend) => backend.name,
      (backend): BackendView => {
        const held = facts.held(name, backend.name);
        const health = facts.health.find((one) => one.upstream === name && one.backend === backend.name);
        return {
          origin: health?.origin ?? '',
          up: backend.isUp ?? null,
          problem: backend.problem ?? null,
          isEjected: held === 'ejected' || isSetAside(facts, name, backend.name),
          isDrained: held === 'drained',
          inFlight: Math.round(backend.inFlight),
          leased: facts.leases(name, backend.name)?.leased ?? 0,
          cap: backend.cap,
          requestsPerSecond: rounded(backend.endedPerSecond),
          failedPerSecond: rounded(backend.failedPerSecond),
        };
      },
    ),
  };
}

function workerView(member: MemberFacts, { memberWindows }: ViewSources): WorkerView {
  const { totals, pid, startedAtMs, configVersion, silentMs } = member;
  const connections = totals.numbers.get('rampart_client_connections');
  return {
    pid,
    startedAtMs,
    requestsPerSecond: rounded(memberWindows.get(member.id)?.rate('rampart_requests_total') ?? 0),
    inFlight: sumOf(totals, 'rampart_in_flight'),
    connections: connections === undefined ? null : sumOf(totals, 'rampart_client_connections'),
    ...useOf(member, memberWindows.get(member.id)),
    configVersion: configVersion ?? null,
    silentMs: silentMs >= SILENT_FROM_MS ? Math.round(silentMs / 100) * 100 : null,
  };
}

/** Reports are a second apart. */
const SILENT_FROM_MS = 1500;

function processView(member: MemberFacts, { memberWindows }: ViewSources): ProcessView {
  const { role, instance, pid, startedAtMs } = member;
  return { role, instance, pid, startedAtMs, ...useOf(member, memberWindows.get(member.id)) };
}

function useOf({ totals, role }: MemberFacts, window: CountedWindow | undefined) {
  const rss = valueOf(totals, 'rampart_process_resident_memory_bytes', role);
  const delay = totals.numbers.get('rampart_event_loop_delay_seconds')?.get(`${role}\n0.99`);
  return {
    processors: window === undefined ? null : rounded(window.rate('rampart_process_cpu_seconds_total')),
    rssBytes: rss > 0 ? rss - (rss % 1_048_576) : null,
    eventLoopP99Ms: delay === undefined ? null : rounded(delay * 1000),
  };
}

function endpointsOf({ window, promiseOf }: ViewSources): Record<string, EndpointView> {
  const rates = window.ratesBy('rampart_requests_total', 0);
  const errors = errorRates(window);
  const refused = refusalRates(window, isProtective);
  // Most of a thousand routes are idle.
  const quantileOf = (name: string, q: number): number | null =>
    rates.has(name) ? known(window.quantileMs('rampart_latency_seconds', q, name)) : null;
  const underWay = window.end.numbers.get('rampart_in_flight') ?? new Map<string, number>();
  const names = new Set([...(window.end.histograms.get('rampart_latency_seconds')?.keys() ?? []), ...rates.keys()]);
  return named(
    [...names].toSorted(),
    (name) => name,
    (name): EndpointView => {
      const requestsPerSecond = rates.get(name) ?? 0;
      return {
        requestsPerSecond: rounded(requestsPerSecond),
        inFlight: underWay.get(name) ?? 0,
        p95Ms: quantileOf(name, 0.95),
        p99Ms: quantileOf(name, 0.99),
        errorShare: share(errors.get(name) ?? 0, requestsPerSecond),
        refusedPerSecond: rounded(refused.get(name) ?? 0),
        ...promiseOf(name),
      };
    },
  );
}

/** To three significant digits, so that noise is not sent. */
export const rounded = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(3)));
const known = (value: number | undefined): number | null => (value === undefined ? null : rounded(value));
const share = (part: number, whole: number): number => (whole <= 0 ? 0 : rounded(Math.min(1, part / whole)));
