import type { Random } from '../../core/random.ts';
import type { EventQueue } from './event-queue.ts';
import { Line } from './line.ts';
import type { SimulatedRequest } from './request.ts';
import { modeOf, type BackendMode, type Scenario, speedOf } from './scenario.ts';

/** Time until an error or a refusal is back. */
const REPLY_MS = 1;

/** The kind of a reply. */
export type SimulatedReply = 'done' | 'error' | 'full';

/** A reply on its way, for the time when it arrives. */
export interface ReplyEvent {
  readonly request: SimulatedRequest;
  readonly reply: SimulatedReply;
}

/**
 * A backend: slots, a bounded line before them, a speed that antagonists change from epoch to epoch. A request keeps
 * the speed with which it began. When its worker gives up, a waiting request leaves the line, but a request in a slot
 * runs to its end, as CPU-bound work does.
 */
export class BackendModel {
  readonly index: number;
  readonly slots: number;
  readonly #mode: BackendMode;
  readonly #speed: number;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #events: EventQueue<ReplyEvent>;
  readonly #line = new Line<SimulatedRequest>();
  readonly #phase: number;
  #waiting = 0;
  #serving = 0;
  #epoch = -1;
  #left = 1;

  constructor(index: number, scenario: Scenario, random: Random, events: EventQueue<ReplyEvent>) {
    this.index = index;
    this.slots = scenario.slots;
    this.#mode = modeOf(scenario, index);
    this.#speed = speedOf(scenario, index);
    this.#scenario = scenario;
    this.#random = random;
    this.#events = events;
    this.#phase = random();
  }

  /** Requests of everyone, as the backend would report them. */
  get inFlight(): number {
    return this.#waiting + this.#serving;
  }

  receive(request: SimulatedRequest, now: number): void {
    if (this.#mode === 'hanging') return;
    if (this.#mode === 'failing') {
      this.#events.push(now + REPLY_MS, { request, reply: 'error' });
    } else if (this.#serving < this.slots) {
      this.#serve(request, now);
    } else if (this.#waiting < this.#scenario.backendQueue) {
      request.place = 'waiting';
      this.#waiting++;
      this.#line.push(request);
    } else {
      this.#events.push(now + REPLY_MS, { request, reply: 'full' });
    }
  }

  /** The worker no longer waits for it. */
  abandon(request: SimulatedRequest): void {
    if (request.place !== 'waiting') return;
    request.place = 'none';
    this.#waiting--;
  }

  /** A request has been served: the next one gets its slot. */
  finish(request: SimulatedRequest, now: number): void {
    request.place = 'none';
    this.#serving--;
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      if (next.place !== 'waiting') continue;
      this.#waiting--;
      this.#serve(next, now);
      return;
    }
  }

  #serve(request: SimulatedRequest, now: number): void {
    request.place = 'served';
    this.#serving++;
    this.#events.push(now + request.workMs / (this.#speed * this.#leftByAntagonist(now)), { request, reply: 'done' });
  }

  #leftByAntagonist(now: number): number {
    const { antagonist } = this.#scenario;
    if (antagonist === undefined) return 1;
    const epoch = Math.floor(now / antagonist.epochMs + this.#phase);
    for (; this.#epoch < epoch; this.#epoch++) {
      // Two draws for each epoch, even if unused, so that every balancer meets the same antagonists.
      const isSlowed = this.#random() < antagonist.probability;
      const left = antagonist.least + (1 - antagonist.least) * this.#random();
      this.#left = isSlowed ? left : 1;
    }
    return this.#left;
  }
}
