import type { Clock, Timer } from '../core/clock.ts';
import type { PurgeTarget } from '../gateway/cache/reply-store.ts';

/** How long a worker has to say that it is done. */
const PURGE_LIMIT_MS = 2000;

/** What became of a purge. */
export interface PurgeResult {
  /** Workers that were told. */
  readonly workers: number;
  /** Those that have said that they are done. */
  readonly purged: number;
  /** Entries that went, all workers together. */
  readonly entries: number;
}

interface Running<Worker> {
  readonly awaited: Set<Worker>;
  readonly workers: number;
  readonly timer: Timer;
  readonly resolve: (result: PurgeResult) => void;
  purged: number;
  entries: number;
}

/** Tells workers to forget stored replies, and waits until each has said that it is done, has gone, or is late. */
export class Purges<Worker> {
  readonly #clock: Clock;
  readonly #tell: (worker: Worker, id: number, target: PurgeTarget) => void;
  readonly #running = new Map<number, Running<Worker>>();
  #lastId = 0;

  constructor(clock: Clock, tell: (worker: Worker, id: number, target: PurgeTarget) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  purge(workers: readonly Worker[], target: PurgeTarget): Promise<PurgeResult> {
    if (workers.length === 0) return Promise.resolve({ workers: 0, purged: 0, entries: 0 });
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => this.#finish(id), PURGE_LIMIT_MS);
      const awaited = new Set(workers);
      this.#running.set(id, { awaited, workers: workers.length, timer, resolve, purged: 0, entries: 0 });
      for (const worker of workers) this.#tell(worker, id, target);
    });
  }

  /** A worker is done. */
  done(worker: Worker, id: number, entries: number): void {
    const running = this.#running.get(id);
    if (running === undefined || !running.awaited.delete(worker)) return;
    running.purged++;
    running.entries += entries;
    if (running.awaited.size === 0) this.#finish(id);
  }

  /** A worker has gone, and what it kept with it. */
  left(worker: Worker): void {
    for (const [id, running] of this.#running) {
      if (running.awaited.delete(worker) && running.awaited.size === 0) this.#finish(id);
    }
  }

  #finish(id: number): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    running.timer.cancel();
    const { workers, purged, entries } = running;
    running.resolve({ workers, purged, entries });
  }
}
