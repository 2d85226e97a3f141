/** Fewest records of a batch while more are waiting. */
const LEAST = 10;
/** An insert that takes longer makes the batches smaller, so that the records behind it wait less. */
const SLOW_MS = 200;

/**
 * How many records go into the next insert: twice as many while more wait than fit and inserts are quick, half as many
 * after a slow or failed one. Large batches share the round trip and the commit; small ones are retried at less cost.
 */
export class BatchSize {
  readonly #most: number;
  #size: number;

  /** `most`: LEDGER_BATCH_SIZE. */
  constructor(most: number) {
    this.#most = most;
    this.#size = Math.min(LEAST, most);
  }

  get value(): number {
    return this.#size;
  }

  /** `waiting`: records that were left for later. */
  inserted(tookMs: number, waiting: number): void {
    if (tookMs > SLOW_MS) this.#shrink();
    else if (waiting > 0) this.#size = Math.min(this.#most, this.#size * 2);
  }

  failed(): void {
    this.#shrink();
  }

  #shrink(): void {
    this.#size = Math.min(this.#most, Math.max(LEAST, this.#size >> 1));
  }
}
