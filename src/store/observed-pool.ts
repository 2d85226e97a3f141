import { Pool } from 'pg';
import type { PoolClient, PoolConfig } from 'pg';
import type { Clock } from '../core/clock.ts';

type Connected = (error: Error | undefined, client: PoolClient | undefined, done: (release?: unknown) => void) => void;

/** A pg pool that tells how long each borrower waited for its connection, failures included. */
export class ObservedPool extends Pool {
  readonly #clock: Clock;
  readonly #onWait: (seconds: number) => void;

  constructor(config: PoolConfig, clock: Clock, onWait: (seconds: number) => void) {
    super(config);
    this.#clock = clock;
    this.#onWait = onWait;
  }

  // Pool.query borrows through this method as well, with a callback, and so does Prisma's adapter.
  override connect(): Promise<PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<PoolClient> | void {
    const since = this.#clock.now();
    const observe = () => this.#onWait((this.#clock.now() - since) / 1000);
    if (callback === undefined) return super.connect().finally(observe);
    return super.connect((error, client, done) => {
      observe();
      callback(error, client, done);
    });
  }
}
