import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { AdaptiveLimit } from '../policy/admission/adaptive-limit.ts';
import type { Priority } from '../policy/admission/priority.ts';
import { type Balancer, createBalancer } from '../policy/balance/balancer.ts';
import { OutlierDetector } from '../policy/health/outliers.ts';
import type { LeaseUse } from '../policy/permits/lease-holder.ts';
import { RetryBudget } from '../policy/retry/budget.ts';
import { HedgeDelay } from '../policy/retry/hedge-delay.ts';
import { Backend, type BackendTimeouts, type Outcome } from './backend.ts';
import type { Underway } from './exchange.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { Permit, PermitList } from './permit.ts';
import { Refusal } from './refusal.ts';
import { type RetryKind, UpstreamMetrics } from './upstream-metrics.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface UpstreamDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly bugs: Bugs;
  readonly timeouts: BackendTimeouts;
  /** Permits per backend before control has said anything. */
  readonly initialPermits: (cap: number) => number;
}

/** Who asks for a permit, as far as the queue needs to know; asked only when there is none at once. */
export interface Claimant {
  readonly priority: Priority;
  /** Keys share the queue fairly. */
  readonly fairKey: string;
}

/** What is asked for. */
export interface Claim {
  readonly claimant: Claimant;
  readonly routeClass: number;
  /** When the request is no longer worth doing. */
  readonly deadline: number;
  /** The backend of an attempt that failed: another one comes first. */
  readonly excluded?: Backend | undefined;
}

/** A wait that can be given up: it then ends with the refusal of a client that left. */
export interface PendingPermit extends Underway {
  readonly result: Promise<Permit | Refusal>;
}

/** A backend that has been found to be down while it held requests. */
export class BackendLost extends Error {}

/** How much one more request weighs in the mean of the service time, and how many must have ended before it says anything: a process that has just started is slow. */
const SERVICE_TIME_WEIGHT = 0.05;
const ENOUGH_SERVED = 100;
/** In means: what takes longer counts as this long. */
const LONGEST_SERVICE = 10;

/** A group of interchangeable backends with one bounded queue in front: steps 6 and 7 of the path. */
export class Upstream {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly budget = new RetryBudget();
  readonly bugs: Bugs;
  /** Told when work waits, so that permits can be asked for. */
  onNeed: (() => void) | undefined;
  /** Told when a request has ended at a backend, with how many were in flight there before. */
  onReturn: ((backend: Backend, before: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #balancer: Balancer;
  readonly #outliers: OutlierDetector;
  readonly #limit: AdaptiveLimit;
  readonly #room: WaitingRoom;
  readonly #out = new PermitList();
  readonly #pick: { now: number; random: Random; routeClass: number; excluded: Backend | undefined };
  readonly #metrics: UpstreamMetrics;
  readonly #classes = new Map<string, number>();
  readonly #hedgeDelays: HedgeDelay[] = [];
  #serviceMs = 0;
  #served = 0;
  #pumping = false;

  constructor(config: UpstreamConfig, dependencies: UpstreamDependencies) {
    const { clock, random, metrics, bugs } = dependencies;
    this.bugs = bugs;
    this.name = config.name;
    this.#clock = clock;
    this.#balancer = createBalancer(config.balancer);
    this.#outliers = new OutlierDetector(config.backends.length, clock.now());
    this.#limit = new AdaptiveLimit(random);
    this.#room = new WaitingRoom({ config, clock, random, wake: () => this.#pump() });
    this.#pick = { now: 0, random, routeClass: 0, excluded: undefined };
    this.backends = config.backends.map(
      (backend, index) =>
        new Backend(backend, index, {
          cap: dependencies.initialPermits(config.cap),
          upstream: config.name,
          timeouts: dependencies.timeouts,
          metrics,
          now: () => clock.now(),
        }),
    );
    this.#metrics = new UpstreamMetrics(config.name, metrics, () => this.status());
  }

  get queueDepth(): number {
    return this.#room.depth;
  }

  /** For metrics and `/api/status`. */
  status() {
    return {
      queued: { interactive: this.#room.depthOf('interactive'), bulk: this.#room.depthOf('bulk') },
      standing: this.#room.standing,
      inFlight: this.#out.size,
      permits: this.#permits(),
      limit: this.#concurrency(),
      serviceMs: this.#serviceMs,
      ejections: this.#outliers.ejections,
      ejected: this.backends.filter(({ ejected }) => ejected).length,
      retryBudget: this.budget.balance(this.#clock.now()),
    };
  }

  /** What the leases go by. Work that waits for the limit, though there are permits, does not count. */
  leaseUse(): LeaseUse {
    const inFlight = this.backends.map((backend) => backend.inFlight);
    return { inFlight, queued: this.#hasRoom() || this.#out.size >= this.#permits() ? this.#room.depth : 0 };
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
    if (this.#room.depth === 0 && this.#hasRoom()) {
      const backend = this.#choose(claim.routeClass, claim.excluded);
      if (backend !== undefined) return this.#take(backend, claim.routeClass);
    }
    return this.#enqueue(claim);
  }

  /** A permit at a backend other than `excluded`, if there is one that nobody waits for. */
  acquireSpare(routeClass: number, excluded: Backend): Permit | undefined {
    if (this.#room.depth > 0 || !this.#hasRoom()) return undefined;
    const backend = this.#choose(routeClass, excluded);
    return backend === undefined || backend === excluded ? undefined : this.#take(backend, routeClass);
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
    for (const [index, backend] of this.backends.entries()) backend.cap = permits[index] ?? 0;
    this.#pump(true);
  }

  /** Takes up what has changed: permits, health. What a backend that went down has not answered goes to another. */
  refresh(): void {
    this.#applyEjections();
    for (const backend of this.backends) {
      if (backend.healthy || backend.inFlight === 0) continue;
      for (const permit of this.#out.unansweredAt(backend)) permit.user?.cancel(new BackendLost());
    }
    this.#pump();
  }

  async close(): Promise<void> {
    this.#room.close();
    await Promise.all(this.backends.map((backend) => backend.pool.destroy()));
  }

  /** A request has ended, and its permit is free again. */
  returned(permit: Permit, outcome: Outcome): void {
    const { backend } = permit;
    // First, so that no error in learning from the request can keep its permit.
    this.#out.remove(permit);
    backend.gaveBack(outcome);
    try {
      this.#learn(permit, outcome, this.#clock.now());
      this.onReturn?.(backend, backend.inFlight + 1);
    } finally {
      if (this.#room.depth > 0) this.#pumpSoon();
    }
  }

  #learn(permit: Permit, outcome: Outcome, now: number): void {
    const { backend, routeClass, startedAt, retryAfterMs } = permit;
    const latencyMs = (permit.headAt ?? now) - startedAt;
    const dropped = outcome === 'timeout' || outcome === 'refused';
    if (dropped || outcome === 'success') {
      const sample = { latencyMs, routeClass, inFlight: this.#out.size + 1, dropped };
      this.#limit.sample(sample, this.#permits(), now);
    }
    const standing = outcomesForLoad[outcome];
    backend.load.ended({ routeClass, latencyMs, startedAt, outcome: standing, now, retryAfterMs });
    if (outcome === 'success') {
      // A download or a tunnel of an hour says nothing of how soon the next request ends.
      const most = this.#served < ENOUGH_SERVED ? Number.POSITIVE_INFINITY : LONGEST_SERVICE * this.#serviceMs;
      const holdMs = Math.min(now - startedAt, most);
      const weight = this.#served++ === 0 ? 1 : SERVICE_TIME_WEIGHT;
      this.#serviceMs += weight * (holdMs - this.#serviceMs);
      this.#hedgeDelay(routeClass).sample(latencyMs);
    }
    if (outcome === 'aborted' || outcome === 'outpaced' || outcome === 'refused') return;
    const before = this.#outliers.ejections;
    this.#outliers.record(backend.index, outcome === 'success', now, startedAt);
    if (this.#outliers.ejections !== before) this.#applyEjections();
  }

  /** 0 while too little is known to go by. */
  #knownServiceMs(): number {
    return this.#served < ENOUGH_SERVED ? 0 : this.#serviceMs;
  }

  /** With too few left, ejecting would only overload the rest: then nobody is. */
  #applyEjections(): void {
    const now = this.#clock.now();
    const usable = this.backends.filter(({ healthy, index }) => healthy && !this.#outliers.isEjected(index, now));
    const panic = this.#outliers.inPanic(usable.length, this.backends.length);
    for (const backend of this.backends) backend.eject(panic ? 0 : this.#outliers.ejectedUntil(backend.index));
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
    backend.took(now);
    return permit;
  }

  /** Permits of the backends that can be used. */
  #permits(): number {
    let sum = 0;
    for (const backend of this.backends) if (backend.available) sum += backend.cap;
    return sum;
  }

  /** Requests that may be in flight, by permits and by what backends have shown to take. */
  #concurrency(): number {
    return this.#limit.of(this.#permits(), this.backends.length);
  }

  #hasRoom(): boolean {
    return this.#limit.part === 1 || this.#out.size < this.#concurrency();
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
    const isAway = this.#isAway();
    const joined = this.#room.join(claim, {
      concurrency: this.#concurrency(),
      serviceMs: this.#knownServiceMs(),
      oldest: this.#out.oldest,
      isAway,
    });
    this.#wakeAtReturn();
    if (!(joined instanceof Refusal)) this.onNeed?.();
    return joined;
  }

  /** A backend that is set aside for a while must be tried when that is over, though nothing else reminds of it. */
  #wakeAtReturn(): void {
    const now = this.#clock.now();
    for (const backend of this.backends) if (backend.availableAt > now) this.#room.wakeAt(backend.availableAt);
  }

  #isAway(): boolean {
    return this.backends.every((backend) => !backend.available);
  }

  #pump(isNewlyLeased = false): void {
    this.#room.expire(this.#isAway());
    while (this.#room.depth > 0 && this.#hasRoom() && this.#anyFree()) {
      const waiter = this.#room.next(this.#knownServiceMs());
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
    if (this.#room.depth > 0) this.#wakeAtReturn();
  }

  #anyFree(): boolean {
    for (const backend of this.backends) if (backend.inFlight < backend.cap && backend.available) return true;
    return false;
  }
}

const outcomesForLoad = {
  success: 'success',
  failure: 'failure',
  timeout: 'failure',
  refused: 'dropped',
  aborted: 'ignored',
  // It may have hung: that it was given up early must not make it look fast.
  outpaced: 'dropped',
} as const;
