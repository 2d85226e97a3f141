import type { Clock, Timer } from '../core/clock.ts';
import type { AddressedOrder } from '../policy/permits/addressed-order.ts';

/** Least time between two writes: each stops the loop on which rate limits and health checks are answered too. */
const WRITE_GAP_MS = 2;

export interface LeaseOutboxOptions {
  readonly clock: Clock;
  /** Writes down what the books say now. */
  readonly save: () => void;
  readonly send: (upstream: string, order: AddressedOrder) => void;
}

/** Sends orders in the order in which they were made; a grant not before it is written down, several with one write. */
export class LeaseOutbox {
  readonly #options: LeaseOutboxOptions;
  #waiting: { readonly upstream: string; readonly addressed: AddressedOrder }[] = [];
  #savedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(options: LeaseOutboxOptions) {
    this.#options = options;
  }

  push(upstream: string, orders: readonly AddressedOrder[]): void {
    if (orders.length === 0) return;
    for (const addressed of orders) this.#waiting.push({ upstream, addressed });
    if (this.#timer !== undefined) return;
    const isWritten = orders.every(({ order }) => order.kind !== 'grant');
    const waitMs = this.#savedAt + WRITE_GAP_MS - this.#options.clock.now();
    if (isWritten) this.#deliver();
    else if (waitMs <= 0) this.#flush();
    else this.#timer = this.#options.clock.setTimeout(() => this.#flush(), waitMs);
  }

  /** A member has a new connection, on which orders are numbered anew: what waits belongs to the one before. */
  drop(member: string): void {
    this.#waiting = this.#waiting.filter(({ addressed }) => addressed.member !== member);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#savedAt = this.#options.clock.now();
    this.#options.save();
    this.#deliver();
  }

  #deliver(): void {
    for (const { upstream, addressed } of this.#waiting.splice(0)) this.#options.send(upstream, addressed);
  }
}
