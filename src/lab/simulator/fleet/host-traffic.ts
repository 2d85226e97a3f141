import type { Random } from '../../../core/random.ts';
import { PoissonLaw } from './poisson.ts';

/** Service times beyond this many means are cut: less than one in 10^8. */
const LONGEST_IN_MEANS = 20;

export interface TrafficOptions {
  readonly meanServiceMs: number;
  readonly queueTimeoutMs: number;
  readonly random: Random;
}

/**
 * The requests of one host as counts for each millisecond: Poisson arrivals, a first-in-first-out queue with a timeout, and
 * geometric service times, which are exponential ones in whole milliseconds. A request that has begun goes on to its end.
 */
export class HostTraffic {
  inFlight = 0;
  queued = 0;
  /** Requests that waited for as long as the timeout. */
  refused = 0;
  arrived = 0;
  readonly #random: Random;
  readonly #ends: Uint16Array;
  readonly #waiting: Uint16Array;
  readonly #logOfGoingOn: number;
  readonly #queueTimeoutMs: number;
  #law = new PoissonLaw(0);
  #oldest = 0;

  constructor({ meanServiceMs, queueTimeoutMs, random }: TrafficOptions) {
    this.#random = random;
    this.#ends = new Uint16Array(powerOfTwo(meanServiceMs * LONGEST_IN_MEANS + 2));
    this.#waiting = new Uint16Array(powerOfTwo(queueTimeoutMs + 2));
    this.#logOfGoingOn = Math.log(1 - 1 / meanServiceMs);
    this.#queueTimeoutMs = queueTimeoutMs;
  }

  useRate(requestsPerMs: number): void {
    this.#law = new PoissonLaw(requestsPerMs);
  }

  /** The next millisecond of a host: requests end, come, give up, and begin as far as the permits go. */
  tick(now: number, permits: number): void {
    this.end(now);
    const slot = now & (this.#waiting.length - 1);
    const arrived = this.#law.draw(this.#random);
    this.#waiting[slot] = arrived;
    this.arrived += arrived;
    this.queued += arrived;
    this.#expire(now);
    for (let free = Math.min(this.queued, permits - this.inFlight); free > 0;) free -= this.#begin(free, now);
  }

  /** The requests that end in this millisecond; nothing else happens on a host that is dead. */
  end(now: number): void {
    const slot = now & (this.#ends.length - 1);
    this.inFlight -= this.#ends[slot] as number;
    this.#ends[slot] = 0;
  }

  /** Clients see that the host is gone. */
  drop(): void {
    this.#waiting.fill(0);
    this.queued = 0;
  }

  #expire(now: number): void {
    const slot = (now - this.#queueTimeoutMs) & (this.#waiting.length - 1);
    const expired = this.#waiting[slot] as number;
    this.#waiting[slot] = 0;
    this.queued -= expired;
    this.refused += expired;
    this.#oldest = Math.max(this.#oldest, now - this.#queueTimeoutMs + 1);
  }

  /** Begins requests of the oldest millisecond that has any. */
  #begin(most: number, now: number): number {
    const mask = this.#waiting.length - 1;
    while (this.#waiting[this.#oldest & mask] === 0) this.#oldest++;
    const slot = this.#oldest & mask;
    const count = Math.min(most, this.#waiting[slot] as number);
    this.#waiting[slot] = (this.#waiting[slot] as number) - count;
    this.queued -= count;
    this.inFlight += count;
    const last = this.#ends.length - 1;
    for (let begun = 0; begun < count; begun++) {
      const serviceMs = 1 + Math.floor(Math.log(1 - this.#random()) / this.#logOfGoingOn);
      const end = (now + Math.min(serviceMs, last)) & last;
      this.#ends[end] = (this.#ends[end] as number) + 1;
    }
    return count;
  }
}

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least));
