import type { FleetStatus } from '../../src/control/fleet/fleet-status.ts';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/model.ts';
import type { HostFacts, MemberFacts } from '../../src/control/see/facts.ts';
import { HostJudge, type Seen } from '../../src/control/see/host-judge.ts';
import { readTotals } from '../../src/control/see/totals.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { Registry } from '../../src/metrics/instruments.ts';

/** A host whose truth is known, as it is during one second. */
export interface HostTruth {
  readonly perSecond: number;
  /** Mean time that a backend works on a request. */
  readonly workMs: number;
  readonly law: 'deterministic' | 'exponential';
  /** Processor time of that; the rest is waiting. */
  readonly processorMs: number;
  readonly processors: number;
  /** Processors that other programs take. */
  readonly foreignProcessors: number;
  readonly cap: number;
  readonly backends: readonly BackendTruth[];
  /** After this wait a request is refused. */
  readonly queueTimeoutMs: number;
  readonly queueCapacity: number;
  /** How long clients wait for a reply. */
  readonly patienceMs: number;
  /** Processor time of a gateway worker for a request. */
  readonly gatewayMs: number;
  readonly workers: readonly WorkerTruth[];
  readonly wantedWorkers: number;
  readonly databaseProblem: string | undefined;
  /** Why the lease of the host in its fleet has ended. */
  readonly fleetProblem: string | undefined;
  /** Why the host hears no news of the other hosts. */
  readonly newsProblem: string | undefined;
  readonly sharedCacheProblem: string | undefined;
  readonly poolBusy: number;
  readonly poolWaiting: number;
  readonly ledgerPending: number;
  readonly ledgerWritten: number;
  /** Requests per second that are refused for this reason, whatever the load. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly reloadProblem: string | undefined;
  readonly lookupProblem: string | undefined;
  readonly isDrained: boolean;
  readonly overBudgetPerSecond: number;
  readonly certificateDays: number | undefined;
  readonly restarts: HostFacts['restarts'];
}

interface BackendTruth {
  readonly isUp: boolean;
  /** How many times as long it works. */
  readonly slowness: number;
  readonly failingShare: number;
  readonly isHanging: boolean;
  readonly isSetAside: boolean;
}

interface WorkerTruth {
  readonly isStuck: boolean;
  readonly configHash: string;
}

export const soundBackend: BackendTruth = {
  isUp: true,
  slowness: 1,
  failingShare: 0,
  isHanging: false,
  isSetAside: false,
};
export const soundWorker: WorkerTruth = { isStuck: false, configHash: 'right' };

/** Four backends of eight permits at 55 ms: 582 requests a second. */
export const soundHost: HostTruth = {
  perSecond: 400,
  workMs: 55,
  law: 'exponential',
  processorMs: 5,
  processors: 8,
  foreignProcessors: 0.2,
  cap: 8,
  backends: [soundBackend, soundBackend, soundBackend, soundBackend],
  queueTimeoutMs: 1000,
  queueCapacity: 256,
  patienceMs: 60_000,
  gatewayMs: 0.3,
  workers: [soundWorker, soundWorker],
  wantedWorkers: 2,
  databaseProblem: undefined,
  fleetProblem: undefined,
  newsProblem: undefined,
  sharedCacheProblem: undefined,
  poolBusy: 2,
  poolWaiting: 0,
  ledgerPending: 20,
  ledgerWritten: 300,
  refusals: {},
  reloadProblem: undefined,
  lookupProblem: undefined,
  isDrained: false,
  overBudgetPerSecond: 0,
  certificateDays: undefined,
  restarts: [],
};

const STEP_MS = 10;
const UPSTREAM = 'app';
const ENDPOINT = 'work';
const { env } = await loadConfig(
  { GENERATOR_INSTANCES: '0', DATABASE_URL: 'postgres://db/rampart' },
  import.meta.dirname,
);

interface InFlight {
  readonly arrivedMs: number;
  readonly startedMs: number;
  leftMs: number;
  readonly fails: boolean;
}

/** Runs a host of known truth second by second, and lets control judge it by the metrics that its workers would report. */
export class HostModel {
  readonly #random: () => number;
  readonly #judge = new HostJudge();
  readonly #gateways = [0, 1, 2, 3].map(() => new ModelWorker());
  readonly #generator = new ModelWorker();
  readonly #flights: InFlight[][] = [];
  #queue: number[] = [];
  #nowMs = 0;
  #ended = 0;
  #harmed = 0;
  #standingSinceMs: number | undefined;
  #stuckSinceMs: number | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** One second of this truth. `harm`: the share of requests that were refused, failed or given up. */
  second(truth: HostTruth): Seen & { readonly harm: number } {
    this.#ended = 0;
    this.#harmed = 0;
    let used = 0;
    for (let step = 0; step < 1000 / STEP_MS; step++) {
      this.#nowMs += STEP_MS;
      this.#arrive(truth);
      const wanted = this.#wanted(truth);
      // Who wants processors shares them.
      const crowding = Math.max(1, (wanted + truth.foreignProcessors) / truth.processors);
      used += ((wanted / crowding) * STEP_MS) / 1000;
      this.#end(truth, STEP_MS / crowding);
      this.#start(truth);
    }
    this.#count(truth, used);
    return {
      ...this.#look(truth, Math.min(1, (used + truth.foreignProcessors) / truth.processors)),
      harm: this.#ended === 0 ? 0 : this.#harmed / this.#ended,
    };
  }

  /** Processors that the requests in flight want at this moment. */
  #wanted({ backends, workMs, processorMs }: HostTruth): number {
    const running = backends.reduce((sum, { isHanging }, index) => sum + (isHanging ? 0 : this.#at(index).length), 0);
    return (running * processorMs) / workMs;
  }

  #arrive({ perSecond, queueCapacity, refusals }: HostTruth): void {
    for (let count = this.#poisson((perSecond * STEP_MS) / 1000); count > 0; count--) {
      if (this.#queue.length >= queueCapacity) this.#refuse('overloaded', 503);
      else this.#queue.push(this.#nowMs);
    }
    for (const [reason, each] of Object.entries(refusals))
      for (let count = this.#poisson((each * STEP_MS) / 1000); count > 0; count--)
        this.#refuse(reason, reason === 'rate-limited' ? 429 : 503);
  }

  #start({ backends, cap, queueTimeoutMs, workMs, law }: HostTruth): void {
    while (this.#queue.length > 0) {
      const arrivedMs = this.#queue[0] ?? 0;
      if (this.#nowMs - arrivedMs > queueTimeoutMs) {
        this.#queue.shift();
        this.#refuse('queue-timeout', 503);
        continue;
      }
      const free = backends
        .map((backend, index) => ({ backend, index, inFlight: this.#at(index).length }))
        .filter(({ backend, inFlight }) => backend.isUp && !backend.isSetAside && inFlight < cap)
        .toSorted((left, right) => left.inFlight - right.inFlight)[0];
      if (free === undefined) break;
      this.#queue.shift();
      const { slowness, isHanging, failingShare } = free.backend;
      const mean = workMs * slowness;
      const took = isHanging
        ? Number.POSITIVE_INFINITY
        : law === 'deterministic'
          ? mean
          : -mean * Math.log(1 - this.#random());
      const fails = this.#random() < failingShare;
      this.#at(free.index).push({ arrivedMs, startedMs: this.#nowMs, leftMs: took, fails });
    }
    if (this.#queue.length === 0) this.#standingSinceMs = undefined;
    else this.#standingSinceMs ??= this.#nowMs;
  }

  #end({ backends, patienceMs }: HostTruth, workedMs: number): void {
    for (const [index] of backends.entries()) {
      const name = `b${index}`;
      const kept: InFlight[] = [];
      for (const flight of this.#at(index)) {
        flight.leftMs -= workedMs;
        const isOver = flight.leftMs <= 0;
        const isGivenUp = this.#nowMs - flight.arrivedMs >= patienceMs;
        if (!isOver && !isGivenUp) {
          kept.push(flight);
          continue;
        }
        const outcome = isOver ? (flight.fails ? 'failure' : 'success') : 'abandoned';
        const status = isOver ? (flight.fails ? 502 : 200) : 499;
        const { metrics } = this.#gateway();
        metrics.backendRequests.of(UPSTREAM, name, outcome).value++;
        metrics.backendBusy.of(UPSTREAM, name).value += (this.#nowMs - flight.startedMs) / 1000;
        this.#reply(status, (this.#nowMs - flight.arrivedMs) / 1000);
      }
      this.#flights[index] = kept;
    }
  }

  #at(index: number): InFlight[] {
    return (this.#flights[index] ??= []);
  }

  #refuse(reason: string, status: number): void {
    this.#gateway().metrics.rejections.of(ENDPOINT, reason).value++;
    this.#reply(status, 0.001);
  }

  #reply(status: number, seconds: number): void {
    this.#ended++;
    if (status !== 200) this.#harmed++;
    const endpoint = this.#gateway().metrics.endpoint(ENDPOINT);
    endpoint.countStatus(status);
    endpoint.latency.observe(seconds);
  }

  #gateway(): ModelWorker {
    const [first, second] = this.#gateways;
    const one = this.#random() < 0.5 ? first : second;
    if (one === undefined) throw new Error('there is no worker');
    return one;
  }

  /** What a second leaves in the gauges and counters beside those of requests. */
  #count(truth: HostTruth, processors: number): void {
    const [first] = this.#gateways;
    if (first === undefined) return;
    const { metrics, parts } = first;
    const count = truth.workers.length;
    const share = Math.min(1, (truth.perSecond * truth.gatewayMs) / 1000 / Math.max(1, count));
    for (const worker of this.#gateways.slice(0, count)) worker.cpu.of('gateway', 'user').value += share;
    // A process of its own.
    this.#generator.cpu.of('generator', 'user').value += processors;
    metrics.queueDepth.of(UPSTREAM, 'interactive').set(this.#queue.length);
    metrics.upstreams.standing
      .of(UPSTREAM)
      .set(this.#standingSinceMs !== undefined && this.#nowMs - this.#standingSinceMs > 1000 ? 1 : 0);
    for (const [index] of truth.backends.entries())
      metrics.backendInFlight.of(UPSTREAM, `b${index}`).set(this.#at(index).length);
    metrics.retries.of(UPSTREAM, 'over-budget').value += truth.overBudgetPerSecond;
    parts.pool.of('gateway', 'busy').set(truth.poolBusy);
    parts.pool.of('gateway', 'waiting').set(truth.poolWaiting);
    parts.pool.of('gateway', 'max').set(10);
    parts.pending.of().set(truth.ledgerPending);
    parts.records.of('written').value += truth.ledgerWritten;
    if (truth.certificateDays !== undefined)
      parts.certificates.of('shop.pem').set(this.#nowMs / 1000 + truth.certificateDays * 86_400);
  }

  #look(truth: HostTruth, busyShare: number): Seen {
    const snapshots = [...this.#gateways, this.#generator].map(({ registry }) => registry.snapshot());
    this.#stuckSinceMs = truth.workers.some(({ isStuck }) => isStuck)
      ? (this.#stuckSinceMs ?? this.#nowMs - 1000)
      : undefined;
    const members = truth.workers.map((worker, index) => this.#member(worker, index, truth));
    const facts: HostFacts = {
      nowMs: this.#nowMs,
      version: '1',
      startedAtMs: 0,
      config: configOf(truth),
      configHash: 'right',
      configVersion: { number: 1, hash: 'right' },
      configSinceMs: 0,
      reloadProblem: truth.reloadProblem,
      members,
      wantedWorkers: truth.wantedWorkers,
      health: truth.isDrained
        ? []
        : truth.backends.map(({ isUp }, index) => ({
            upstream: UPSTREAM,
            backend: `b${index}`,
            origin: `http://10.0.0.${index}`,
            up: isUp,
            checked: true,
            problem: isUp ? undefined : 'ECONNREFUSED',
            report: undefined,
          })),
      leases: () => ({ cap: truth.cap, leased: 0 }),
      held: () => undefined,
      discovery:
        truth.lookupProblem === undefined
          ? []
          : [{ upstream: UPSTREAM, name: 'app.internal', backends: 4, problem: truth.lookupProblem }],
      database: { problem: truth.databaseProblem },
      fleet: fleetStatus(truth.fleetProblem),
      fleetNews: { isApart: truth.newsProblem !== undefined, problem: truth.newsProblem },
      sharedCache: { problem: truth.sharedCacheProblem },
      machine: { processors: truth.processors, busyShare },
      objectives: [],
      degradations: [],
      restarts: truth.restarts,
    };
    return this.#judge.look(facts, readTotals(snapshots), this.#nowMs, () => ({ targetP95Ms: null, budgetLeft: null }));
  }

  #member({ isStuck, configHash }: WorkerTruth, index: number, { backends }: HostTruth): MemberFacts {
    return {
      id: `w${index}`,
      role: 'gateway',
      instance: index,
      pid: index + 1,
      startedAtMs: 0,
      totals: readTotals([this.#gateways[index]?.registry.snapshot() ?? []]),
      silentMs: isStuck ? this.#nowMs - (this.#stuckSinceMs ?? this.#nowMs) : 50,
      configHash,
      configVersion: 1,
      setAside: new Set(backends.flatMap(({ isSetAside }, one) => (isSetAside ? [`${UPSTREAM}\nb${one}`] : []))),
      refusedKeys: new Map(),
    };
  }

  #poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let [count, product] = [0, this.#random()];
    while (product > limit) {
      count++;
      product *= this.#random();
    }
    return count;
  }
}

/** The instruments of one process. */
class ModelWorker {
  readonly registry = new Registry();
  readonly metrics = new GatewayMetrics(this.registry);
  readonly cpu = this.registry.counter('rampart_process_cpu_seconds_total', 'help', 'role', 'mode');
  readonly parts = {
    pool: this.registry.gauge('rampart_db_pool_connections', 'help', 'sum', 'role', 'state'),
    pending: this.registry.gauge('rampart_ledger_pending', 'help', 'sum'),
    records: this.registry.counter('rampart_ledger_records_total', 'help', 'result'),
    certificates: this.registry.gauge('rampart_tls_certificate_not_after_seconds', 'help', 'max', 'certificate'),
  };
}

const configs = new Map<string, Config>();

function configOf({ wantedWorkers, isDrained, cap }: HostTruth): Config {
  const key = `${wantedWorkers} ${isDrained} ${cap}`;
  const known = configs.get(key);
  if (known !== undefined) return known;
  const backends = ['http://10.0.0.1'];
  const built = buildConfig(
    { ...env, GATEWAY_WORKERS: wantedWorkers },
    {
      upstreams: { [UPSTREAM]: { backends, cap, ...(isDrained ? { drained: backends } : {}) } },
      routes: [{ endpoint: ENDPOINT, path: '/*', upstream: UPSTREAM }],
    } as never,
    import.meta.dirname,
    new Set(),
  );
  configs.set(key, built);
  return built;
}

/** A host that shares one backend with another one. */
const fleetStatus = (problem: string | undefined): FleetStatus => ({
  host: 'north-1',
  state: problem === undefined ? 'leased' : 'apart',
  hosts: 2,
  incarnation: 1,
  lease_ends_in_ms: problem === undefined ? 7000 : 0,
  problem: problem ?? null,
  backends: [{ upstream: UPSTREAM, backend: 'a', permits: 4, floor: 4, in_use: 1, wanted_by_all: 2, cap: 16 }],
});
