import type { Random } from '../../core/random.ts';
import { RequestQueue } from '../../policy/admission/request-queue.ts';
import { BackendLoad } from '../../policy/balance/backend-load.ts';
import { isEligible } from '../../policy/balance/candidate.ts';
import { type Balancer, type BalancerName, type Candidate, createBalancer } from '../../policy/balance/balancer.ts';
import { OutlierDetector } from '../../policy/health/outliers.ts';
import { equalShares } from '../../policy/permits/shares.ts';
import type { BackendModel, SimulatedReply } from './backend-model.ts';
import type { SimulatedOutcome, SimulatedRequest } from './request.ts';
import type { Scenario } from './scenario.ts';

/** The shared state of all models of one run. */
export interface World {
  /** The injected clock, in milliseconds. */
  now: number;
  readonly random: Random;
  readonly backends: readonly BackendModel[];
  settle(request: SimulatedRequest, outcome: SimulatedOutcome): void;
}

/** A backend as one worker sees it. */
class View implements Candidate {
  readonly cap: number;
  readonly load: BackendLoad;
  readonly index: number;
  readonly #outliers: OutlierDetector;
  readonly #world: World;
  inFlight = 0;

  constructor(index: number, cap: number, outliers: OutlierDetector, world: World) {
    this.cap = cap;
    this.load = new BackendLoad(world.now);
    this.index = index;
    this.#outliers = outliers;
    this.#world = world;
  }

  get available(): boolean {
    return !this.#outliers.isEjected(this.index, this.#world.now);
  }
}

/** A gateway worker: production's balancer, load estimates, outlier detection and queue around simulated backends. */
export class WorkerModel {
  readonly #world: World;
  readonly #views: readonly View[];
  readonly #balancer: Balancer;
  readonly #outliers: OutlierDetector;
  readonly #queue: RequestQueue<SimulatedRequest>;
  readonly #queueTimeoutMs: number;

  constructor(world: World, scenario: Scenario, balancer: BalancerName, rank: number) {
    const { backends, cap, gateways, workers, gatewayQueue } = scenario;
    this.#world = world;
    this.#balancer = createBalancer(balancer);
    this.#outliers = new OutlierDetector(backends, 0);
    this.#queue = new RequestQueue(gatewayQueue.capacity);
    this.#queueTimeoutMs = gatewayQueue.timeoutMs;
    const caps = world.backends.map(() => cap ?? 0);
    const permits = equalShares(caps, gateways * workers)[rank] ?? [];
    const permitsAt = (index: number): number => (cap === undefined ? Number.POSITIVE_INFINITY : (permits[index] ?? 0));
    this.#views = world.backends.map(({ index }) => new View(index, permitsAt(index), this.#outliers, world));
  }

  /** A backend at once, a place in the queue, or a refusal. */
  arrive(request: SimulatedRequest): void {
    const view = this.#queue.depth === 0 ? this.#pick(request) : undefined;
    if (view !== undefined) {
      this.#send(request, view);
      return;
    }
    const arrival = { item: request, key: '', priority: 'interactive' } as const;
    const joined = this.#queue.join(arrival, this.#world.now, Number.POSITIVE_INFINITY);
    if (joined.admitted) request.queuePlace = joined.place;
    else this.#world.settle(request, 'refused');
  }

  /** Refuses requests that have waited too long. */
  expire(): void {
    const expired = this.#queue.expire(this.#world.now - this.#queueTimeoutMs);
    for (const request of expired) this.#world.settle(request, 'refused');
  }

  /** A reply has come, with the requests that the backend had under way, this one included. */
  replied(request: SimulatedRequest, reply: SimulatedReply, inFlight: number): void {
    const view = this.#viewOf(request);
    // Before the request is taken off: the backend's figure and this worker's own must count the same requests.
    view.load.reported({ inFlight, slots: this.#world.backends[view.index]?.slots }, view.inFlight, this.#world.now);
    this.#end(request, reply === 'done' ? 'success' : reply === 'error' ? 'failed' : 'refused');
  }

  /** The deadline of a request has passed. */
  giveUp(request: SimulatedRequest): void {
    if (request.backend === undefined) {
      if (request.queuePlace !== undefined) this.#queue.leave(request.queuePlace);
      this.#world.settle(request, 'timeout');
      return;
    }
    this.#world.backends[request.backend]?.abandon(request);
    this.#end(request, 'timeout');
  }

  #end(request: SimulatedRequest, outcome: SimulatedOutcome): void {
    const { now } = this.#world;
    const view = this.#viewOf(request);
    const index = request.backend as number;
    view.inFlight--;
    view.load.ended({
      routeClass: request.routeClass,
      latencyMs: now - request.startedAt,
      startedAt: request.startedAt,
      outcome: outcome === 'success' ? 'success' : outcome === 'failed' ? 'failure' : 'dropped',
      now,
    });
    // A backend that refuses for being full is busy, not broken.
    if (outcome !== 'refused' && this.#outliers.record(index, outcome === 'success', now, request.startedAt)) {
      view.load.joined(this.#outliers.ejectedUntil(index));
    }
    this.#world.settle(request, outcome);
    this.#pump();
  }

  #pump(): void {
    this.expire();
    while (this.#queue.depth > 0 && this.#views.some(isEligible)) {
      const request = this.#queue.take()?.item;
      if (request === undefined) return;
      const view = this.#pick(request);
      if (view === undefined) return;
      this.#send(request, view);
    }
  }

  #pick({ routeClass }: SimulatedRequest): View | undefined {
    const { now, random } = this.#world;
    return this.#balancer.pick(this.#views, { now, random, routeClass });
  }

  #send(request: SimulatedRequest, view: View): void {
    const { now, backends } = this.#world;
    const backend = backends[view.index] as BackendModel;
    request.backend = view.index;
    request.startedAt = now;
    view.inFlight++;
    view.load.started(now);
    backend.receive(request, now);
  }

  #viewOf(request: SimulatedRequest): View {
    return this.#views[request.backend as number] as View;
  }
}
