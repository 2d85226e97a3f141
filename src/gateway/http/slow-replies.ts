import type { Clock, Timer } from '../../core/clock.ts';
import type { Spool } from './spool.ts';

/** Bytes of all replies of a worker that wait in memory for their clients. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
const SWEEP_MS = 1000;

/** A reply that waits for its client. */
export interface SlowReply {
  readonly spooledBytes: number;
  /** The backend of the reply is paused. */
  readonly holdsBackend: boolean;
  /** Whether the client reads too slowly while others need the memory or disk that it holds. */
  isTooSlow(now: number): boolean;
  /** Ends the reply, because its client is too slow for the memory or disk that it holds. */
  cut(): void;
}

/** The replies of a worker whose clients read more slowly than the backend sends. */
export class SlowReplies {
  readonly spool: Spool;
  readonly #clock: Clock;
  readonly #onSpoolError: (error: unknown) => void;
  readonly #replies = new Set<SlowReply>();
  #memoryBytes = 0;
  #timer: Timer | undefined;

  constructor(spool: Spool, clock: Clock, onSpoolError: (error: unknown) => void) {
    this.spool = spool;
    this.#clock = clock;
    this.#onSpoolError = onSpoolError;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  add(reply: SlowReply): void {
    this.#replies.add(reply);
    this.#timer ??= this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS);
  }

  get now(): number {
    return this.#clock.now();
  }

  reserve(bytes: number): boolean {
    if (this.#memoryBytes + bytes > MAX_MEMORY_BYTES) return false;
    this.#memoryBytes += bytes;
    return true;
  }

  /** Counts held bytes, even beyond the budget; a negative number counts released bytes. */
  hold(bytes: number): void {
    this.#memoryBytes += bytes;
  }

  forget(reply: SlowReply): void {
    this.#replies.delete(reply);
  }

  failed(error: unknown): void {
    this.#onSpoolError(error);
  }

  /**
   * Makes room in the spool by cutting the reply that holds most of those whose clients read too slowly; false if there
   * is none.
   */
  cutSlowest(except: SlowReply): boolean {
    const now = this.#clock.now();
    let slowest: SlowReply | undefined;
    for (const reply of this.#replies) {
      if (reply === except || !reply.isTooSlow(now)) continue;
      if (slowest === undefined || reply.spooledBytes > slowest.spooledBytes) slowest = reply;
    }
    if (slowest === undefined || slowest.spooledBytes === 0) return false;
    slowest.cut();
    return true;
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** A client that makes a backend wait must read at a minimum rate. */
  #sweep(): void {
    this.#timer = this.#replies.size > 0 ? this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS) : undefined;
    const now = this.#clock.now();
    for (const reply of this.#replies) if (reply.holdsBackend && reply.isTooSlow(now)) reply.cut();
  }
}
