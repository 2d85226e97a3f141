import type { Random } from '../../../core/random.ts';
import { FleetBook } from '../../../policy/fleet/fleet-book.ts';
import type { FleetAnswer, FleetCall } from '../../../policy/fleet/fleet-call.ts';
import { EventQueue } from '../event-queue.ts';

/** A message on its way. */
export type StoreEvent =
  | { readonly kind: 'call'; readonly host: number; readonly number: number; readonly call: FleetCall }
  | { readonly kind: 'answer'; readonly host: number; readonly number: number; readonly answer: FleetAnswer }
  | { readonly kind: 'hint'; readonly donors: readonly string[] };

export interface StoreModelOptions {
  readonly delayMs: number;
  readonly callMs: number;
  readonly random: Random;
  readonly newBook?: () => Pick<FleetBook, 'renew'>;
}

/** The server's clock at the begin, so that its times differ from those of hosts. */
const CLOCK_MS = 1_700_000_000_000;

/**
 * The Valkey: production's book behind one processor, which takes one call after the other, at the end of a network with
 * exponential delays.
 */
export class StoreModel {
  readonly #book: Pick<FleetBook, 'renew'>;
  /** Nobody reaches it. */
  isAway = false;
  calls = 0;
  readonly #options: StoreModelOptions;
  readonly #events = new EventQueue<StoreEvent>();
  #freeAt = 0;

  constructor(options: StoreModelOptions) {
    this.#options = options;
    this.#book = options.newBook?.() ?? new FleetBook();
  }

  send(host: number, number: number, call: FleetCall, now: number): void {
    this.#events.push(now + this.#delay(), { kind: 'call', host, number, call });
  }

  /** The answers and hints that have come until now. Calls that have reached the server are carried out on the way. */
  *arrivals(now: number): Generator<Exclude<StoreEvent, { kind: 'call' }>> {
    while (this.#events.nextAt <= now) {
      const at = this.#events.nextAt;
      const event = this.#events.pop() as StoreEvent;
      if (event.kind !== 'call') yield event;
      else if (!this.isAway) this.#carryOut(event, at);
    }
  }

  #carryOut({ host, number, call }: Extract<StoreEvent, { kind: 'call' }>, at: number): void {
    this.#freeAt = Math.max(at, this.#freeAt) + this.#options.callMs;
    this.calls++;
    const answer = this.#book.renew(call, Math.floor(CLOCK_MS + this.#freeAt));
    this.#events.push(this.#freeAt + this.#delay(), { kind: 'answer', host, number, answer });
    if (answer.status !== 'granted' || answer.donors.length === 0) return;
    this.#events.push(this.#freeAt + this.#delay(), { kind: 'hint', donors: answer.donors });
  }

  #delay(): number {
    return -this.#options.delayMs * Math.log(1 - this.#options.random());
  }
}
