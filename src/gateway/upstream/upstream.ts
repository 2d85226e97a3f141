import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { UpstreamConfig } from '../../config/config.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import { ServiceTime } from '../../policy/admission/service-time.ts';
import { type Balancer, createBalancer } from '../../policy/balance/balancer.ts';
import type { LeaseUse } from '../../policy/permits/lease-state.ts';
import type { HostLoad } from '../../protocol/lease.ts';
import { RetryBudget } from '../../policy/retry/budget.ts';
import { HedgeDelay } from '../../policy/retry/hedge-delay.ts';
import { BackendLost, noStreamPlace } from './attempt-error.ts';
import { BackendSet } from './backend-set.ts';
import { Backend, type Outcome, outcomesForLoad } from './backend.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { IdleWatch } from './idle-watch.ts';
import { Permit, PermitList } from './permit.ts';
import { Refusal } from '../refusal.ts';
import type { Claim, PendingPermit } from './claim.ts';
import { type RetryKind, UpstreamMetrics } from './upstream-metrics.ts';
import { type QueueSnapshot, AdmissionQueue } from './admission-queue.ts';

export interface UpstreamDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly bugs: Bugs;
  readonly timeouts: { readonly connectMs: number; readonly idleMs: number };
  /** Streams that this worker may have open. */
  readonly maxStreams: number;
  /** Gateway workers of the host, which share the budget of retries. */
  readonly workers?: number;
  /** Permits per backend before control has said anything. */
  readonly initialPermits: (cap: number) => number;
}

/** How long a backend may leave a client waiting before its leaving counts, while too little is known of the class. */
const UNKNOWN_PATIENCE_MS = 250;

/** A group of interchangeable backends with one bounded queue in front: steps 6 and 7 of the path. */
export class Upstream {
  readonly name: string;
  /** Whether a worker is ready only while a backend is up. */
  readonly isRequired: boolean;
  readonly budget: RetryBudget;
  /** Whether control finds a limit below the caps. */
  readonly isAdaptive: boolean;
  readonly bugs: Bugs;
  readonly idle: IdleWatch;
  /** Longest silence within the body of a reply that is no stream. */
  readonly idleTimeoutMs: number;
  /** Told when work waits, so that permits can be asked for. */
  onNeed: (() => void) | undefined;
  /** Told when a request has ended at a backend, with how many were in flight there before. */
  onReturn: ((backend: Backend, before: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #cancelOnDown: boolean;
  readonly #set: BackendSet;
  readonly #balancer: Balancer;
  readonly #serviceTime: ServiceTime;
  readonly #queue: AdmissionQueue;
  readonly #out = new PermitList();
  readonly #pick: { now: number; random: Random; routeClass: number; excluded: Backend | undefined };
  readonly #metrics: UpstreamMetrics;
  readonly #classes = new Map<string, number>();
  readonly #hedgeDelays: HedgeDelay[] = [];
  readonly #cap: number;
  /** What control has told of the other workers; undefined without control. */
  #hostLoad: HostLoad | undefined;
  readonly #maxStreams: number;
  #streams = 0;
  #pumping = false;

  constructor(config: UpstreamConfig, dependencies: UpstreamDependencies) {
    const { clock, random, metrics, bugs, timeouts } = dependencies;
    this.bugs = bugs;
    this.idle = new IdleWatch(clock);
    this.idleTimeoutMs = timeouts.idleMs;
    this.#maxStreams = dependencies.maxStreams;
    this.name = config.name;
    this.isRequired = config.required;
    this.#clock = clock;
    this.#cancelOnDown = config.health?.cancelOnDown ?? false;
    this.#balancer = createBalancer(config.balancer);
    this.budget = new RetryBudget(dependencies.workers);
    this.#serviceTime = new ServiceTime(clock.now());
    this.#cap = config.cap;
    this.isAdaptive = config.admission.limit === 'adaptive';
    this.#queue = new AdmissionQueue({ config, clock, random, wake: () => this.#pump() });
    this.#pick = { now: 0, random, routeClass: 0, excluded: undefined };
    const open = (backend: BackendConfig, index: number): Backend =>
      new Backend(backend, index, {
        cap: dependencies.initialPermits(config.cap),
        upstream: config.name,
        connectMs: timeouts.connectMs,
        replyHeadBytes: config.replyHeadBytes,
        metrics,
        clock,
      });
    const isChecked = config.health !== undefined;
    this.#set = new BackendSet({ backends: config.backends, open, isChecked, clock });
    this.#metrics = new UpstreamMetrics(config.name, metrics, () => this.status());
  }

  /** Those that new requests may go to. */
  get backends(): readonly Backend[] {
    return this.#set.present;
  }

  /** By position: the backends that the leases are about; undefined where there is none. */
  get slots(): readonly (Backend | undefined)[] {
    return this.#set.slots;
  }

  get queueDepth(): number {
    return this.#queue.depth;
  }

  /** For metrics and `/api/status`. */
  status() {
    return {
      queued: { interactive: this.#queue.depthOf('interactive'), bulk: this.#queue.depthOf('bulk') },
      standing: this.#queue.standing,
      inFlight: this.#out.size,
      streams: this.#streams,
      maxStreams: this.#maxStreams,
      permits: this.#permits(),
      limit: this.#permits(),
      serviceMs: this.#serviceTime.meanMs(this.#clock.now()),
      ejections: this.#set.ejections,
      ejected: this.backends.filter(({ ejected }) => ejected).length,
      retryBudget: this.budget.balance(this.#clock.now()),
    };
  }

  /** The backends are these now. */
  useBackends(wanted: readonly BackendConfig[]): void {
    this.#set.use(wanted);
    this.#queue.useCaps(wanted.length * this.#cap);
    this.#pump();
  }

  /** What the leases go by. */
  leaseUse(): LeaseUse {
    const inFlight = this.slots.map((backend) => backend?.inFlight ?? 0);
    const use = { inFlight, queued: this.#queue.depth, bulk: this.#queue.depthOf('bulk') };
    return this.isAdaptive ? { ...use, ...this.#serviceTime.totals } : use;
  }

  /** Takes up what control tells of the other workers; undefined when control is gone. */
  useHostLoad(load: HostLoad | undefined): void {
    this.#hostLoad = load;
    if (load === undefined || this.#queue.depth === 0) return;
    const before = this.#queue.depth;
    this.#queue.shed(this.#snapshot());
    // The others count what waits here with theirs.
    if (this.#queue.depth < before) this.onNeed?.();
  }

  /** The number of a class of requests that take equally long. */
  classOf(name: string): number {
    let known = this.#classes.get(name);
    if (known === undefined) {
      known = this.#classes.size;
      this.#classes.set(name, known);
    }
    return known;
  }

  /** A permit at once, a place in the queue, or a refusal. */
  acquire(claim: Claim): Permit | PendingPermit | Refusal {
    if (this.#queue.depth === 0) {
      const backend = this.#choose(claim.routeClass, claim.excluded);
      if (backend !== undefined) return this.#take(backend, claim.routeClass);
    }
    return this.#enqueue(claim);
  }

  /**
   * A place for a stream: a tunnel, an event stream or a long poll, which waits for its client rather than for the
   * backend. It is no part of a cap, and does not queue. The backend with the fewest streams gets it.
   */
  openStream(routeClass: number, excluded: Backend | undefined): Permit | Refusal {
    if (this.#streams >= this.#maxStreams) return noStreamPlace;
    const available = this.backends.filter((backend) => backend.available);
    const others = available.filter((backend) => backend !== excluded);
    const candidates = others.length > 0 ? others : available;
    const fewest = Math.min(...candidates.map(({ streams }) => streams));
    const least = candidates.filter(({ streams }) => streams === fewest);
    const backend = least[Math.floor(this.#pick.random() * least.length)];
    if (backend === undefined) return new Refusal('no-backend', 'no backend is up', { retryAfterSeconds: 1 });
    this.#streams++;
    backend.streams++;
    return new Permit(this, backend, routeClass, this.#clock.now(), true);
  }

  /** The reply to a request has turned out to be a stream. */
  makeStream(permit: Permit): boolean {
    if (this.#streams >= this.#maxStreams) return false;
    const { backend } = permit;
    this.#giveBack(permit);
    this.#streams++;
    backend.streams++;
    this.#learn(permit, 'success', this.#clock.now());
    return true;
  }

  /** A permit at a backend other than `excluded`, if there is one that nobody waits for. */
  acquireSpare(routeClass: number, excluded: Backend): Permit | undefined {
    if (this.#queue.depth > 0) return undefined;
    const backend = this.#choose(routeClass, excluded);
    return backend === undefined || backend === excluded ? undefined : this.#take(backend, routeClass);
  }

  /** Whether acquireSpare would give a permit. */
  hasSpare(routeClass: number, excluded: Backend): boolean {
    if (this.#queue.depth > 0) return false;
    const backend = this.#choose(routeClass, excluded);
    return backend !== undefined && backend !== excluded;
  }

  /** After how long a second backend may be asked; undefined while too little is known. */
  hedgeAfterMs(routeClass: number): number | undefined {
    return this.#hedgeDelay(routeClass).afterMs;
  }

  #hedgeDelay(routeClass: number): HedgeDelay {
    return (this.#hedgeDelays[routeClass] ??= new HedgeDelay());
  }

  /** Whether one more attempt is within the retry budget; if so, it is taken from it. */
  mayTryAgain(kind: RetryKind): boolean {
    const granted = this.budget.withdraw(this.#clock.now(), kind === 'hedge' ? 'hedge' : 'retry');
    this.#metrics.countRetry(granted ? kind : 'over-budget');
    return granted;
  }

  /** Takes up permits that have come from control. */
  usePermits(permits: readonly number[]): void {
    for (const backend of this.backends) backend.cap = permits[backend.index] ?? 0;
    this.#pump(true);
  }

  /** Takes up what has changed. What a backend that is down has not answered is cancelled only where that is asked for. */
  refresh(): void {
    this.#set.applyEjections();
    const mayCancel = this.#cancelOnDown && this.backends.some(({ healthy }) => healthy);
    for (const backend of this.backends) {
      if (!mayCancel || backend.healthy || backend.inFlight === 0) continue;
      for (const permit of this.#out.unansweredAt(backend)) permit.user?.cancel(new BackendLost());
    }
    this.#pump();
  }

  async close(): Promise<void> {
    this.#queue.close();
    this.idle.close();
    await this.#set.close();
  }

  /** A request has ended, and its place is free again. */
  returned(permit: Permit, outcome: Outcome): void {
    permit.backend.count(outcome);
    if (permit.isStream) {
      this.#streams--;
      permit.backend.streams--;
    } else this.#giveBack(permit);
    this.#set.retireIfIdle(permit.backend);
  }

  #giveBack(permit: Permit): void {
    const { backend } = permit;
    this.#out.remove(permit);
    backend.gaveBack();
    this.#serviceTime.ended(this.#clock.now());
    if (this.#queue.depth > 0) this.#pumpSoon();
    this.onReturn?.(backend, backend.inFlight + 1);
  }

  /** What the end of a request has shown; after it has given its permit back, so that no error here can keep it. */
  learn(permit: Permit, outcome: Outcome): void {
    // Its head was a success, and has been learnt from; how long a stream lasts is up to its client.
    if (permit.isStream) {
      if (outcome === 'failure' && permit.headAt === undefined)
        this.#set.record(permit.backend, false, permit.startedAt);
      return;
    }
    this.#learn(permit, this.#isBackendsFault(permit, outcome) ? 'timeout' : outcome, this.#clock.now());
  }

  /** A client that gave up counts against the backend when that had not answered within what it usually takes. */
  #isBackendsFault({ routeClass, startedAt }: Permit, outcome: Outcome): boolean {
    if (outcome !== 'abandoned') return false;
    const usualMs = this.#hedgeDelay(routeClass).afterMs ?? UNKNOWN_PATIENCE_MS;
    return this.#clock.now() - startedAt > usualMs;
  }

  #learn(permit: Permit, outcome: Outcome, now: number): void {
    const { backend, routeClass, startedAt, retryAfterMs } = permit;
    const latencyMs = (permit.headAt ?? now) - startedAt;
    const standing = outcomesForLoad[outcome];
    backend.load.ended({ routeClass, latencyMs, startedAt, outcome: standing, now, retryAfterMs });
    if (outcome === 'success') {
      this.#hedgeDelay(routeClass).sample(latencyMs);
    }
    if (outcome === 'success' || outcome === 'failure' || outcome === 'timeout') {
      this.#set.record(backend, outcome === 'success', startedAt);
    }
  }

  #choose(routeClass: number, excluded: Backend | undefined): Backend | undefined {
    const pick = this.#pick;
    pick.now = this.#clock.now();
    pick.routeClass = routeClass;
    pick.excluded = excluded;
    return this.#balancer.pick(this.backends, pick);
  }

  #take(backend: Backend, routeClass: number): Permit {
    const now = this.#pick.now;
    const permit = new Permit(this, backend, routeClass, now);
    this.#out.add(permit);
    this.#serviceTime.started(now);
    backend.took(now);
    return permit;
  }

  /** Permits of the backends that can be used. */
  #permits(): number {
    let sum = 0;
    for (const backend of this.backends) if (backend.available) sum += backend.cap;
    return sum;
  }

  /** Permits of all workers; without control, those of this one. */
  #hostPermits(): number {
    if (this.#hostLoad !== undefined) return this.#hostLoad.permits;
    const own = this.#permits();
    // A worker that has just started holds none yet.
    return own > 0 ? own : this.backends.filter(({ available }) => available).length * this.#cap;
  }

  #snapshot(): QueueSnapshot {
    const { workers = 1, queued = 0, bulk = 0, inFlight = 0 } = this.#hostLoad ?? {};
    return {
      permits: this.#hostPermits(),
      serviceMs: this.#serviceTime.meanMs(this.#clock.now()),
      isUnavailable: this.#isUnavailable(),
      inFlight: this.#out.size + inFlight,
      queuedElsewhere: queued,
      bulkElsewhere: bulk,
      workers,
      held: this.#permits(),
    };
  }

  /**
   * In a microtask, not at once: undici calls back before it has put the connection aside, and would open another
   * for a request that is dispatched within the call.
   */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      try {
        this.#pump();
      } catch (error) {
        this.bugs.report('queue', error);
      }
    });
  }

  #enqueue(claim: Claim): PendingPermit | Refusal {
    const joined = this.#queue.join(claim, this.#snapshot());
    this.#wakeAtReturn();
    if (!(joined instanceof Refusal)) this.onNeed?.();
    return joined;
  }

  /** A backend that is set aside for a while must be tried when that is over, though nothing else reminds of it. */
  #wakeAtReturn(): void {
    const now = this.#clock.now();
    for (const backend of this.backends) if (backend.availableAt > now) this.#queue.wakeAt(backend.availableAt);
  }

  #isUnavailable(): boolean {
    return this.backends.every((backend) => !backend.available);
  }

  #pump(isNewlyLeased = false): void {
    // Before the timeouts: nobody is refused at the moment when a permit is free.
    while (this.#queue.depth > 0 && this.#anyFree()) {
      const waiter = this.#queue.next();
      if (waiter === undefined) break;
      const backend = this.#choose(waiter.claim.routeClass, waiter.claim.excluded);
      if (backend === undefined) {
        waiter.refuse(new Refusal('no-backend', 'no backend could be chosen', { retryAfterSeconds: 1 }));
        continue;
      }
      const permit = this.#take(backend, waiter.claim.routeClass);
      permit.isNewlyLeased = isNewlyLeased;
      waiter.grant(permit);
    }
    if (this.#queue.depth === 0) return;
    this.#queue.expire(this.#snapshot());
    this.#wakeAtReturn();
  }

  #anyFree(): boolean {
    for (const backend of this.backends) if (backend.inFlight < backend.cap && backend.available) return true;
    return false;
  }
}
