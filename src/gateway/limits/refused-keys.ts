import type { Clock } from '../../core/clock.ts';
import { isProtective } from '../../policy/slo/shed-reasons.ts';

/** Length of a span. Its counts are shown during the next span. */
const SPAN_MS = 5000;
/** Keys that are counted in a span. Further keys are not counted: only an attack uses so many, and its first keys show it. */
const MOST_KEYS = 200;
/** Keys that are shown, as many as the console has room for. */
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
 * The keys whose requests this worker refuses. They show which limit is too low, or which client sends too much. Two spans are kept:
 * the current one, which is counted, and the last whole one, which is shown. `MOST_KEYS` bounds the memory.
 */
export class RefusedKeys {
  readonly #clock: Clock;
  #span = Number.NEGATIVE_INFINITY;
  #now = new Map<string, Counted>();
  #last = new Map<string, Counted>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wrong requests, such as those for unknown paths, are not counted, because they would displace keys that meet a limit. */
  count(id: string, name: string, reason: string): void {
    if (!isProtective(reason)) return;
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

  /** Begins a new span if the current one is over. */
  #turn(): void {
    const span = Math.floor(this.#clock.now() / SPAN_MS);
    if (span === this.#span) return;
    this.#last = span === this.#span + 1 ? this.#now : new Map();
    this.#now = new Map();
    this.#span = span;
  }
}
