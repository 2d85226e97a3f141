import type { Clock, Timer } from '../../core/clock.ts';
import type { CacheCommand, CacheOrder, CachePosition, CacheReport } from '../../protocol/cache-order.ts';

/** Longest wait of a reply for the other workers. */
const WAIT_LIMIT_MS = 100;
/** Orders that control has not answered; beyond them the other workers are told to forget everything. */
const MAX_PENDING = 4096;

interface Pending {
  readonly order: CacheOrder;
  timer?: Timer;
  release?: () => void;
}

/** This worker's half of the invalidations and purges that all workers of a host carry out. */
export class CachePeers {
  readonly #clock: Clock;
  readonly #carryOut: (order: CacheOrder) => number;
  readonly #tell: ((report: CacheReport) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  #position: CachePosition | undefined;
  #isConnected = false;
  #lastId = 0;

  /** `carryOut` returns the number of removed entries; without `tell` there are no other workers. */
  constructor(
    clock: Clock,
    carryOut: (order: CacheOrder) => number,
    tell: ((report: CacheReport) => void) | undefined,
  ) {
    this.#clock = clock;
    this.#carryOut = carryOut;
    this.#tell = tell;
  }

  /**
   * Makes the other workers carry out an order. Resolves when all of them have done so, or after 100 ms. Undefined if
   * control is unavailable; the order is then sent when it is back.
   */
  announce(order: CacheOrder): Promise<void> | undefined {
    if (this.#tell === undefined) return undefined;
    if (this.#pending.size < MAX_PENDING) return this.#ask(order);
    for (const id of this.#pending.keys()) this.#settle(id);
    return this.#ask({ purge: {} });
  }

  /** Handles a message of control. */
  said(command: CacheCommand): void {
    if (command.type === 'invalidated') this.#settle(command.id);
    else {
      const entries = command.orders.reduce((sum, order) => sum + this.#carryOut(order), 0);
      this.#tell?.({ type: 'forgotten', number: command.position.number, entries });
    }
    this.#position = command.position;
  }

  /**
   * A new connection to control. Control may not have read the last messages on the previous one, so they are sent
   * again.
   */
  connected(): void {
    this.#isConnected = true;
    this.#tell?.({ type: 'cache-position', position: this.#position });
    for (const [id, { order }] of this.#pending) this.#tell?.({ type: 'invalidate', id, order });
  }

  /** Without control there is no answer to wait for. */
  lost(): void {
    this.#isConnected = false;
    for (const pending of this.#pending.values()) release(pending);
  }

  #ask(order: CacheOrder): Promise<void> | undefined {
    const id = ++this.#lastId;
    const pending: Pending = { order };
    this.#pending.set(id, pending);
    if (!this.#isConnected) return undefined;
    this.#tell?.({ type: 'invalidate', id, order });
    return new Promise((resolve) => {
      pending.release = resolve;
      pending.timer = this.#clock.setTimeLimit(resolve, WAIT_LIMIT_MS);
    });
  }

  #settle(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    release(pending);
  }
}

function release(pending: Pending): void {
  pending.timer?.cancel();
  pending.release?.();
}
