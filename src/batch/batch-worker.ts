import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import type { ChunkQueue, ClaimedChunk, DeadChunk } from '../store/batches/chunk-queue.ts';
import type { ChunkEnd, ChunkStore, ItemOutcome, Stored } from '../store/batches/chunk-store.ts';
import { StoreError } from '../store/errors.ts';
import { ChunkWork } from './chunk-work.ts';
import type { GatewayClient } from './gateway-client.ts';

export interface BatchWorkerOptions {
  readonly chunks: ChunkStore;
  readonly queue: ChunkQueue;
  readonly gateway: Pick<GatewayClient, 'render'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Items in flight at a time. */
  readonly concurrency: number;
  /** Batch workers of this host, for which chunks are kept in the queue. */
  readonly workers: number;
  /** How long batches are kept after their end; 0: for ever. */
  readonly retentionDays: number;
  readonly events: BatchEvents;
}

export interface BatchEvents {
  claimed(chunk: ClaimedChunk): void;
  /** No chunk is under way any more. */
  idle(): void;
  stored(stored: Stored): void;
  /** An item was given up, because it ended its workers again and again. */
  deadLetter(chunk: DeadChunk): void;
  chunkEnded(how: 'done' | 'put-back' | 'lost' | 'failed', seconds: number): void;
  pending(items: number): void;
  problem(message: string, error: unknown): void;
}

/** Between two looks for work that nothing has announced: while batches run, and while there are none. */
const BUSY_POLL_MS = 1000;
const IDLE_POLL_MS = 5000;
/** pg-boss takes a worker for dead after 10 s. */
const HEARTBEAT_MS = 2500;
/** Between two looks for batches that are too old. */
const REMOVAL_MS = 3_600_000;
const retryLimits = { firstMs: 100, maxMs: 5000 };

/** Takes chunks out of the queue, one after another, until it is asked to stop. */
export class BatchWorker {
  readonly #options: BatchWorkerOptions;
  readonly #stop = new AbortController();
  #wake: (() => void) | undefined;
  #isAwake = false;
  #failures = 0;
  #pending = 0;
  #nextRemovalAt = 0;

  constructor(options: BatchWorkerOptions) {
    this.#options = options;
  }

  /** There may be new work. */
  wake(): void {
    this.#isAwake = true;
    this.#wake?.();
  }

  /** Finishes and stores the items in flight; the rest of the chunk goes back into the queue. */
  stop(): void {
    this.#stop.abort();
    this.#wake?.();
  }

  /** Resolves when it was asked to stop and has given back what it had. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const hasWorked = await this.#turn();
        this.#failures = 0;
        if (!hasWorked) await this.#sleep(this.#pending > 0 ? BUSY_POLL_MS : IDLE_POLL_MS);
      } catch (error) {
        this.#failures++;
        this.#options.events.problem('the batch worker cannot work', error);
        await this.#sleep(backoffMs(this.#failures, retryLimits, this.#options.random));
      }
    }
  }

  /** Works on one chunk, if there is one. */
  async #turn(): Promise<boolean> {
    const { chunks, queue, workers, events } = this.#options;
    this.#isAwake = false;
    await chunks.feed(workers);
    this.#pending = await chunks.pending();
    events.pending(this.#pending);
    const dead = await queue.claimDead();
    if (dead !== undefined) {
      const stored = await chunks.split(dead, dead.why);
      if (stored !== undefined) events.stored(stored);
      if (stored !== undefined && stored.failed > 0) events.deadLetter(dead);
    }
    const chunk = await queue.claim();
    if (chunk === undefined) return dead !== undefined || (await this.#removeOld());
    events.claimed(chunk);
    await this.#work(chunk);
    events.idle();
    return true;
  }

  /** When there is nothing else to do, and now and then: one batch at a time, so that new ones do not wait. */
  async #removeOld(): Promise<boolean> {
    const { chunks, clock, retentionDays } = this.#options;
    if (retentionDays === 0 || clock.now() < this.#nextRemovalAt) return false;
    if (await chunks.removeOld(retentionDays)) return true;
    this.#nextRemovalAt = clock.now() + REMOVAL_MS;
    return false;
  }

  async #work(chunk: ClaimedChunk): Promise<void> {
    const { chunks, queue, gateway, clock, concurrency, events } = this.#options;
    const since = clock.now();
    const cancel = new AbortController();
    const heart = new Heartbeat(clock, async () => {
      await queue.touch(chunk);
      if (await chunks.isOver(chunk)) cancel.abort();
    });
    try {
      const work = new ChunkWork(await chunks.items(chunk), {
        clock,
        concurrency,
        render: (request, signal) => gateway.render(chunk.keyId, request, signal),
        store: (outcomes, end) => this.#store(chunk, outcomes, end),
        signal: AbortSignal.any([this.#stop.signal, cancel.signal]),
      });
      const how = await work.run();
      events.chunkEnded(how, (clock.now() - since) / 1000);
    } catch (error) {
      events.chunkEnded('failed', (clock.now() - since) / 1000);
      events.problem(`chunk ${chunk.batchId}/${chunk.first} failed`, error);
      await queue.fail(chunk, messageOf(error));
    } finally {
      heart.stop();
    }
  }

  /** Tries again while PostgreSQL is unavailable, because the images have been made. */
  async #store(chunk: ClaimedChunk, outcomes: readonly ItemOutcome[], end: ChunkEnd): Promise<boolean> {
    const { chunks, events, random } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        const stored = await chunks.store(chunk, outcomes, end);
        if (stored !== undefined) events.stored(stored);
        return stored !== undefined;
      } catch (error) {
        if (!(error instanceof StoreError) || error.reason === 'rejected' || this.#stop.signal.aborted) throw error;
        events.problem('results wait for PostgreSQL', error);
        await this.#sleep(backoffMs(failures, retryLimits, random), false);
      }
    }
  }

  async #sleep(ms: number, canWake = true): Promise<void> {
    if (this.#stop.signal.aborted || (canWake && this.#isAwake)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimeout(resolve, ms);
    if (canWake) this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    timer.cancel();
  }
}

/** Calls something again and again until it is stopped; a failure is left to the next time. */
class Heartbeat {
  readonly #clock: Clock;
  readonly #beat: () => Promise<void>;
  #timer;

  constructor(clock: Clock, beat: () => Promise<void>) {
    this.#clock = clock;
    this.#beat = beat;
    this.#timer = this.#next();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #next() {
    return this.#clock.setTimeout(() => {
      // Started before the call, so that a call which hangs stops no later one.
      this.#timer = this.#next();
      this.#beat().catch(() => {});
    }, HEARTBEAT_MS);
  }
}
