import type { Clock } from '../../core/clock.ts';

/** Requests are counted over this time, and shown for as long after it. */
const SPAN_MS = 5000;
/** Keys that are counted in a span; more only under an attack with many keys, where the first ones show as much. */
const MOST_KEYS = 200;
/** Keys that are shown: the console has room for as many. */
const SHOWN_KEYS = 10;

/** The refused requests of one key, per second, by reason. */
export interface RefusedKey {
  readonly id: string;
  readonly name: string;
  readonly reasons: Readonly<Record<string, number>>;
}

interface Counted {
  readonly name: string;
  readonly reasons: Map<string, number>;
  total: number;
}

/**
 * Which keys' requests this worker refuses, so that people see whose limit is too low, or who sends too much. Two spans of time are kept:
 * the one that is counted now, and the last whole one, which is shown. Memory is bounded by `MOST_KEYS`.
 */
export class RefusedKeys {
  readonly #clock: Clock;
  #span = Number.NEGATIVE_INFINITY;
  #now = new Map<string, Counted>();
  #last = new Map<string, Counted>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(id: string, name: string, reason: string): void {
    this.#turn();
    let counted = this.#now.get(id);
    if (counted === undefined) {
      if (this.#now.size >= MOST_KEYS) return;
      this.#now.set(id, (counted = { name, reasons: new Map(), total: 0 }));
    }
    counted.total++;
    counted.reasons.set(reason, (counted.reasons.get(reason) ?? 0) + 1);
  }

  /** The keys with the most refused requests, those first. */
  shown(): RefusedKey[] {
    this.#turn();
    const all = [...this.#last].toSorted(([, { total: one }], [, { total: other }]) => other - one);
    return all.slice(0, SHOWN_KEYS).map(([id, { name, reasons }]) => ({
      id,
      name,
      reasons: Object.fromEntries([...reasons].map(([reason, count]) => [reason, (count * 1000) / SPAN_MS])),
    }));
  }

  #turn(): void {
    const span = Math.floor(this.#clock.now() / SPAN_MS);
    if (span === this.#span) return;
    this.#last = span === this.#span + 1 ? this.#now : new Map();
    this.#now = new Map();
    this.#span = span;
  }
}
