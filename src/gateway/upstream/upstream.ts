import type { Clock } from '../../core/clock.ts';
import { Soon } from '../../core/soon.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { UpstreamConfig } from '../../config/model.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import type { LeaseUse } from '../../policy/permits/lease-state.ts';
import type { HostLoad } from '../../protocol/lease.ts';
import type { RetryBudget } from '../../policy/retry/budget.ts';
import { type BulkPermits, openBulk } from './bulk-permits.ts';
import type { LeaseEnd } from './lease-end.ts';
import type { Leased, LeasedBackend } from './leased.ts';
import type { BackendSet } from './backend-set.ts';
import { AttemptResults } from './attempt-results.ts';
import type { Backend, Outcome } from './backend.ts';
import { HostView } from './host-view.ts';
import { IdleWatch } from './idle-watch.ts';
import { Permit } from './permit.ts';
import type { Permits, Wanted } from './permits.ts';
import { Refusal } from '../refusal.ts';
import type { Claim, Claimant, PendingPermit } from './claim.ts';
import type { StreamPlaces } from './stream-places.ts';
import type { UpstreamDependencies } from './upstream-dependencies.ts';
import { type RetryKind, UpstreamMetrics } from './upstream-metrics.ts';
import { openParts, type UpstreamParts } from './upstream-parts.ts';
import { leaseUseOf, queueSnapshot, upstreamStatus } from './upstream-status.ts';
import type { QueueSnapshot, AdmissionQueue } from './admission-queue.ts';

/** A group of interchangeable backends with one bounded queue in front: steps 6 and 7 of the path. */
export class Upstream implements Leased {
  readonly budget: RetryBudget;
  /** The permits for bulk requests, where some are reserved for interactive ones. */
  bulk: BulkPermits | undefined;
  readonly bugs: Bugs;
  readonly idle: IdleWatch;
  /** Longest silence within the body of a reply that is not a stream. */
  readonly idleTimeoutMs: number;
  onNeed: (() => void) | undefined;
  onReturn: ((backend: LeasedBackend, before: number) => void) | undefined;
  #config: UpstreamConfig;
  readonly #clock: Clock;
  readonly #set: BackendSet;
  readonly #queue: AdmissionQueue;
  readonly #openBulk: (config: UpstreamConfig) => BulkPermits | undefined;
  readonly #parts: UpstreamParts;
  readonly #permits: Permits;
  readonly #metrics: UpstreamMetrics;
  readonly #results: AttemptResults;
  readonly #host = new HostView();
  readonly #streams: StreamPlaces;
  readonly #streamsOf: (config: UpstreamConfig) => number;
  readonly #pumpSoon: Soon;

  constructor(config: UpstreamConfig, dependencies: UpstreamDependencies) {
    const { clock, metrics, bugs, timeouts } = dependencies;
    this.bugs = bugs;
    this.idle = new IdleWatch(clock);
    this.idleTimeoutMs = timeouts.idleMs;
    this.#config = config;
    this.#streamsOf = dependencies.maxStreams;
    const wake = (): void => this.#pump();
    this.#pumpSoon = new Soon(wake, (error) => bugs.report('queue', error));
    this.#clock = clock;
    const parts = openParts(config, dependencies, this, wake);
    this.#parts = parts;
    this.budget = parts.budget;
    this.#queue = parts.queue;
    this.#streams = parts.streams;
    this.#set = parts.set;
    this.#permits = parts.permits;
    this.#results = new AttemptResults(parts.set, clock);
    this.#openBulk = (wanted) => openBulk(wanted, { bugs, ...parts, onMore: wake }, dependencies.initialPermits);
    this.bulk = this.#openBulk(config);
    this.#metrics = new UpstreamMetrics(config.name, metrics, () => this.status());
  }

  get name(): string {
    return this.#config.name;
  }

  /** Whether a worker is ready only while a backend is up. */
  get isRequired(): boolean {
    return this.#config.required;
  }

  get isAdaptive(): boolean {
    return this.#config.admission.limit === 'adaptive';
  }

  get leaseEnd(): LeaseEnd | undefined {
    return this.#config.fleet && this.#permits.leaseEnd;
  }

  /** The backends that take new requests. */
  get backends(): readonly Backend[] {
    return this.#set.present;
  }

  get slots(): readonly (Backend | undefined)[] {
    return this.#set.slots;
  }

  get queueDepth(): number {
    return this.#queue.depth + this.#parts.homes.size;
  }

  /** For metrics and `/api/status`. */
  status() {
    return upstreamStatus(this.#parts, this.#clock.now());
  }

  /** Whether nothing waits here and no request or stream is in flight. */
  get isIdle(): boolean {
    return this.queueDepth === 0 && this.#permits.inFlight === 0 && this.#streams.taken === 0;
  }

  /** Replaces the settings, the backends among them, while requests are in flight. */
  useConfig(config: UpstreamConfig): void {
    this.#config = config;
    this.#streams.max = this.#streamsOf(config);
    this.#queue.useConfig(config);
    // Requests that are in flight keep the permit that they have taken.
    this.bulk = config.reserved === undefined ? undefined : (this.bulk ?? this.#openBulk(config));
    this.#permits.useBalancer(config.balancer);
    this.#set.useSettings(config.health !== undefined, { replyHeadBytes: config.replyHeadBytes, tls: config.tls });
    // Control knows those that are in DNS.
    if (config.discover === undefined) this.useBackends(config.backends);
  }

  /** Replaces the backends. */
  useBackends(wanted: readonly BackendConfig[]): void {
    this.#set.use(wanted);
    this.#queue.useCaps(wanted.length * this.#config.cap);
    this.#pump();
  }

  leaseUse(): LeaseUse {
    return leaseUseOf({ ...this.#parts, bulk: this.bulk, isAdaptive: this.isAdaptive });
  }

  /** Takes over the load of the other workers from control; undefined when control is gone. */
  useHostLoad(load: HostLoad | undefined): void {
    this.#host.load = load;
    if (load === undefined || this.#queue.depth === 0) return;
    // The other workers add the requests that wait here to theirs.
    if (this.#queue.shed(this.#snapshot())) this.onNeed?.();
  }

  /** The number of a class of requests that take equally long. */
  classOf(name: string): number {
    return this.#results.classOf(name);
  }

  /** A permit at once, a place in the queue, or a refusal. */
  acquire(claim: Claim): Permit | PendingPermit | Refusal {
    const bulk = this.bulk?.neededBy(claim.claimant);
    const atHome = bulk === undefined ? this.#parts.homes.wait(claim, this.#config.cap, this.#host.load) : undefined;
    if (atHome !== undefined) return atHome;
    // Bulk requests that wait for their class keep no interactive one waiting.
    const ahead = this.bulk === bulk ? this.#queue.depth : this.#queue.depthOf('interactive');
    if (ahead === 0 && bulk?.isFree !== false) {
      const backend = this.#permits.choose(claim);
      if (backend !== undefined) return this.#permits.take(backend, claim.routeClass, bulk);
    }
    return this.#enqueue(claim);
  }

  /** A place for a stream, which does not count within a cap. */
  openStream({ routeClass, excluded, session }: Wanted): Permit | Refusal {
    const backend = this.#streams.open(this.#set.usable, excluded, session);
    return backend instanceof Refusal ? backend : new Permit(this, backend, routeClass, this.#clock.now(), true);
  }

  /** The reply to a request has turned out to be a stream. */
  makeStream(permit: Permit): boolean {
    if (this.#streams.isFull) return false;
    this.#giveBack(permit);
    this.#streams.take(permit.backend);
    this.#results.learn(permit, 'success');
    return true;
  }

  /** A permit at a backend other than `excluded`, if no waiting request needs it. */
  acquireSpare(routeClass: number, excluded: Backend | undefined, claimant?: Claimant): Permit | undefined {
    const bulk = claimant && this.bulk?.neededBy(claimant);
    const backend = bulk?.isFree === false ? undefined : this.#spareBackend(routeClass, excluded);
    return backend === undefined ? undefined : this.#permits.take(backend, routeClass, bulk);
  }

  /** Whether acquireSpare would give a permit. */
  hasSpare(routeClass: number, excluded: Backend): boolean {
    return this.#spareBackend(routeClass, excluded) !== undefined;
  }

  #spareBackend(routeClass: number, excluded: Backend | undefined): Backend | undefined {
    if (this.#queue.depth > 0) return undefined;
    const backend = this.#permits.choose({ routeClass, excluded });
    return backend === excluded ? undefined : backend;
  }

  /** The delay before a second backend may be asked; undefined while too little is known. */
  hedgeAfterMs(routeClass: number): number | undefined {
    return this.#results.hedgeAfterMs(routeClass);
  }

  /** Takes one attempt from the retry budget; false if the budget is used up. */
  mayTryAgain(kind: RetryKind): boolean {
    const granted = this.budget.withdraw(this.#clock.now(), kind === 'hedge' ? 'hedge' : 'retry');
    this.#metrics.countRetry(granted ? kind : 'over-budget');
    return granted;
  }

  /** Uses new permits from control. */
  usePermits(permits: readonly number[]): void {
    for (const backend of this.backends) backend.cap = permits[backend.index] ?? 0;
    this.#pump(true);
  }

  /** Takes over changes of health. Unanswered requests at a backend that is down are cancelled only with `cancelOnDown`. */
  refresh(): void {
    this.#set.applyEjections();
    if (this.#config.health?.cancelOnDown === true && this.backends.some(({ healthy }) => healthy))
      for (const backend of this.backends) if (!backend.healthy) this.#permits.cancelUnansweredAt(backend);
    this.#pump();
  }

  async close(): Promise<void> {
    this.#queue.close();
    this.idle.close();
    this.#metrics.close();
    await this.#set.close();
  }

  /** A request has ended, and its permit is free again. */
  returned(permit: Permit, outcome: Outcome): void {
    permit.backend.count(outcome, permit.isStream ? 0 : this.#clock.now() - permit.startedAt);
    if (permit.isStream) this.#streams.giveBack(permit.backend);
    else this.#giveBack(permit);
    this.#set.retireIfIdle(permit.backend);
  }

  failed(error: unknown): void {
    this.bugs.report('permit', error);
  }

  #giveBack(permit: Permit): void {
    const { backend } = permit;
    this.#permits.giveBack(permit);
    // In a microtask, because undici calls back before its connection is idle again. A request that is dispatched within
    // the callback would open another connection.
    if (this.#queue.depth > 0 || this.#parts.homes.size > 0) this.#pumpSoon.ask();
    this.onReturn?.(backend, backend.inFlight + 1);
  }

  /** Learns from the end of a request, after its permit is back, so that no error here can keep the permit. */
  learn(permit: Permit, outcome: Outcome): void {
    this.#results.ended(permit, outcome);
  }

  #snapshot(): QueueSnapshot {
    return queueSnapshot({ ...this.#parts, host: this.#host }, this.#config.cap, this.#clock.now());
  }

  #enqueue(claim: Claim): PendingPermit | Refusal {
    const joined = this.#queue.join(claim, this.#snapshot());
    this.#wakeAtReturn();
    if (joined instanceof Refusal) return joined;
    this.onNeed?.();
    this.bulk?.onNeed?.();
    return joined;
  }

  /** When a suspension or ejection ends, no other event starts the waiting requests, so this timer does. */
  #wakeAtReturn(): void {
    for (const at of this.#set.returnsAfter(this.#clock.now())) this.#queue.wakeAt(at);
  }

  #pump(isNewlyLeased = false): void {
    this.#parts.homes.serve();
    // Before the timeouts, so that no request is refused while a permit is free.
    while (this.#queue.depth > 0) {
      // One look at the clock for both questions, because a lease may end between two.
      const now = this.#clock.now();
      if (!this.#permits.isAnyFreeAt(now)) break;
      const waiter = this.#queue.next(this.bulk?.isFree);
      if (waiter === undefined) break;
      const backend = this.#permits.choose(waiter.claim, now);
      if (backend === undefined) {
        waiter.refuse(new Refusal('no-backend', 'no backend could be chosen', { retryAfterSeconds: 1 }));
        continue;
      }
      const bulk = this.bulk?.neededBy(waiter.place ?? waiter.claim.claimant);
      const permit = this.#permits.take(backend, waiter.claim.routeClass, bulk);
      permit.isNewlyLeased = isNewlyLeased;
      waiter.grant(permit);
    }
    if (this.#queue.depth === 0) return;
    this.#queue.expire(this.#snapshot());
    this.#wakeAtReturn();
  }
}
