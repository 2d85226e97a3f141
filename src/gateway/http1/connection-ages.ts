import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';

/**
 * Fraction by which the age of each connection varies at random, so that connections opened together do not end
 * together.
 */
const SPREAD = 0.1;

/** Knows which client connections are old, so that load moves to newer workers. */
export class ConnectionAges {
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #oldAt = new WeakMap<Socket, number>();

  /** `maxAgeMs`: 0 for no limit. */
  constructor(maxAgeMs: number, clock: Clock, random: Random) {
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
    this.#random = random;
  }

  opened(connection: Socket): void {
    if (this.#maxAgeMs === 0) return;
    const ageMs = this.#maxAgeMs * (1 - SPREAD + 2 * SPREAD * this.#random());
    this.#oldAt.set(connection, this.#clock.now() + ageMs);
  }

  isOld(connection: Socket): boolean {
    const oldAt = this.#oldAt.get(connection);
    return oldAt !== undefined && this.#clock.now() >= oldAt;
  }
}
