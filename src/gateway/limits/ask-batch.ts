import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';

/** Keeps a message far below the longest message that the connection accepts. */
const MAX_ASKS = 1000;

export interface AskBatchOptions<Subject, Ask> {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** The label of a bug. */
  readonly where: string;
  /** What control must hear of a subject now; undefined: nothing. */
  readonly askOf: (subject: Subject, now: number) => Ask | undefined;
  readonly send: (asks: readonly Ask[]) => void;
}

/** Collects the subjects of which control must hear, and sends one message a turn of the event loop for all of them. */
export class AskBatch<Subject, Ask> {
  readonly #options: AskBatchOptions<Subject, Ask>;
  readonly #flushGuarded: () => void;
  readonly #subjects = new Set<Subject>();
  #flushing = false;

  constructor(options: AskBatchOptions<Subject, Ask>) {
    this.#options = options;
    this.#flushGuarded = options.bugs.guard(options.where, () => this.#flush());
  }

  add(subject: Subject): void {
    this.#subjects.add(subject);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flushGuarded);
  }

  clear(): void {
    this.#subjects.clear();
  }

  #flush(): void {
    this.#flushing = false;
    const { clock, askOf, send } = this.#options;
    const now = clock.now();
    let asks: Ask[] = [];
    for (const subject of this.#subjects) {
      this.#subjects.delete(subject);
      const ask = askOf(subject, now);
      if (ask !== undefined) asks.push(ask);
      if (asks.length < MAX_ASKS) continue;
      send(asks);
      asks = [];
    }
    if (asks.length > 0) send(asks);
  }
}
