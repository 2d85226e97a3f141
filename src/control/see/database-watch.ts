import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';

export interface DatabaseWatchDependencies {
  readonly clock: Clock;
  /** Rejects where PostgreSQL does not answer in time. */
  readonly check: () => Promise<unknown>;
}

const INTERVAL_MS = 2000;

/** Asks PostgreSQL every two seconds whether it answers. */
export class DatabaseWatch {
  readonly #dependencies: DatabaseWatchDependencies;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Why the last check failed; undefined if it did not. */
  problem: string | undefined;
  /** When it was checked last, in milliseconds since the epoch; undefined before the first check. */
  checkedAtMs: number | undefined;
  /** How long that took. */
  tookMs: number | undefined;

  constructor(dependencies: DatabaseWatchDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    void this.#check();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #check(): Promise<void> {
    const { clock, check } = this.#dependencies;
    const startedAt = clock.now();
    const problem = await check().then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    if (this.#isClosed) return;
    this.problem = problem;
    this.tookMs = clock.now() - startedAt;
    this.checkedAtMs = clock.wallNow();
    this.#timer = clock.setTimeout(() => void this.#check(), INTERVAL_MS);
  }
}
