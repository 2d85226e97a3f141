import { type Random, seededRandom } from '../../core/random.ts';
import type { BalancerName } from '../../policy/balance/balancer.ts';
import { BackendModel, type ReplyEvent } from './backend-model.ts';
import { EventQueue } from './event-queue.ts';
import { Line } from './line.ts';
import { Measurements, type Result } from './measurements.ts';
import type { SimulatedOutcome, SimulatedRequest } from './request.ts';
import { capacityPerSecond, type Scenario } from './scenario.ts';
import { laws } from './service-law.ts';
import { type World, WorkerModel } from './worker-model.ts';

export interface Run {
  readonly scenario: Scenario;
  readonly balancer: BalancerName;
  /** Arrivals as a share of the capacity. */
  readonly load: number;
  readonly requests: number;
  readonly seed: number;
}

/**
 * Runs a fleet under one load until every request has its outcome: discrete events over production's policy code.
 * Arrivals are a Poisson process, spread evenly over the workers. Arrivals, work and antagonists have sources of chance
 * of their own, so that with one seed every balancer is given the same requests and the same trouble.
 */
export function simulateFleet(run: Run): Result {
  return new Simulation(run).run();
}

class Simulation implements World {
  now = 0;
  readonly random: Random;
  readonly backends: readonly BackendModel[];
  readonly #run: Run;
  readonly #workers: readonly WorkerModel[];
  readonly #arrivalChance: Random;
  readonly #workChance: Random;
  readonly #gapMs: number;
  readonly #measurements: Measurements;
  readonly #replies = new EventQueue<ReplyEvent>();
  /** All requests that may still pass their deadline, or their time in a worker's queue: both are in order of arrival. */
  readonly #deadlines = new Line<SimulatedRequest>();
  readonly #queued = new Line<SimulatedRequest>();
  #nextArrivalAt = 0;
  #arrived = 0;

  constructor(run: Run) {
    const { scenario, seed, load, requests, balancer } = run;
    this.#run = run;
    this.random = seededRandom(seed * 4 + 1);
    this.#arrivalChance = seededRandom(seed * 4 + 2);
    this.#workChance = seededRandom(seed * 4 + 3);
    this.#gapMs = 1000 / (load * capacityPerSecond(scenario));
    this.#measurements = new Measurements(requests, Math.floor(requests * scenario.warmUp));
    this.backends = Array.from(
      { length: scenario.backends },
      (_, index) => new BackendModel(index, scenario, seededRandom(seed * 1_000_003 + index), this.#replies),
    );
    this.#workers = Array.from(
      { length: scenario.gateways * scenario.workers },
      (_, rank) => new WorkerModel(this, scenario, balancer, rank),
    );
  }

  run(): Result {
    this.#drawArrival();
    while (this.#step());
    return this.#measurements.result(this.now);
  }

  settle(request: SimulatedRequest, outcome: SimulatedOutcome): void {
    request.outcome = outcome;
    this.#measurements.add(request, outcome, this.now);
  }

  /** Handles the next event. Returns whether there was one. */
  #step(): boolean {
    const { deadlineMs, gatewayQueue } = this.#run.scenario;
    const deadlineAt = firstDue(this.#deadlines, deadlineMs, isUnderWay);
    const expiryAt = firstDue(this.#queued, gatewayQueue.timeoutMs, isQueued);
    const at = Math.min(this.#nextArrivalAt, this.#replies.nextAt, deadlineAt, expiryAt);
    if (at === Number.POSITIVE_INFINITY) return false;
    this.now = at;
    if (at === this.#replies.nextAt) this.#reply(this.#replies.pop() as ReplyEvent);
    else if (at === this.#nextArrivalAt) this.#arrive();
    else {
      const due = (at === deadlineAt ? this.#deadlines : this.#queued).shift() as SimulatedRequest;
      const worker = this.#workerOf(due);
      if (at === deadlineAt) worker.giveUp(due);
      else worker.expire();
    }
    return true;
  }

  #reply({ request, reply }: ReplyEvent): void {
    const backend = this.backends[request.backend as number] as BackendModel;
    const inFlight = reply === 'done' ? backend.inFlight : backend.inFlight + 1;
    if (reply === 'done') backend.finish(request, this.now);
    if (request.outcome === undefined) this.#workerOf(request).replied(request, reply, inFlight);
  }

  #arrive(): void {
    const request = this.#draw(Math.floor(this.#arrivalChance() * this.#workers.length));
    this.#drawArrival();
    this.#deadlines.push(request);
    this.#workerOf(request).arrive(request);
    if (request.queuePlace !== undefined) this.#queued.push(request);
  }

  #workerOf({ worker }: SimulatedRequest): WorkerModel {
    return this.#workers[worker] as WorkerModel;
  }

  #draw(worker: number): SimulatedRequest {
    const { serviceMs, law, classes } = this.#run.scenario;
    let routeClass = 0;
    for (let rest = this.#workChance(); routeClass < classes.length - 1; routeClass++) {
      rest -= classes[routeClass]?.share ?? 0;
      if (rest < 0) break;
    }
    return {
      number: this.#arrived - 1,
      arrivedAt: this.now,
      routeClass,
      workMs: serviceMs * (classes[routeClass]?.cost ?? 1) * laws[law](this.#workChance),
      worker,
      queuePlace: undefined,
      backend: undefined,
      startedAt: this.now,
      outcome: undefined,
      place: 'none',
    };
  }

  #drawArrival(): void {
    this.#nextArrivalAt =
      this.#arrived++ < this.#run.requests
        ? this.now - this.#gapMs * Math.log(1 - this.#arrivalChance())
        : Number.POSITIVE_INFINITY;
  }
}

/** The due time of the first open request; ended requests are dropped. */
function firstDue(
  line: Line<SimulatedRequest>,
  afterMs: number,
  isOpen: (request: SimulatedRequest) => boolean,
): number {
  for (let first = line.first; first !== undefined; first = line.first) {
    if (isOpen(first)) return first.arrivedAt + afterMs;
    line.shift();
  }
  return Number.POSITIVE_INFINITY;
}

const isUnderWay = ({ outcome }: SimulatedRequest): boolean => outcome === undefined;
const isQueued = ({ outcome, backend }: SimulatedRequest): boolean => outcome === undefined && backend === undefined;
