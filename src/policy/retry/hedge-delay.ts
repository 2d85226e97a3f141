/** Samples before the estimate is used. */
const ENOUGH = 20;
const QUANTILE = 0.95;
/** How far one sample moves the estimate, as a part of it. */
const STEP = 0.05;

/**
 * When a second backend is asked: after the 95th percentile of the latencies of a class, so that at most about one
 * request in twenty is doubled (Dean and Barroso, "The Tail at Scale", 2013). The percentile is tracked by stochastic
 * approximation (Robbins and Monro 1951): each sample above the estimate raises it by 0.95 steps, and each sample below
 * lowers it by 0.05, so that it settles where one sample in twenty is above.
 */
export class HedgeDelay {
  #estimateMs = 0;
  #count = 0;

  /** Undefined while too few requests have ended. */
  get afterMs(): number | undefined {
    return this.#count < ENOUGH ? undefined : this.#estimateMs;
  }

  sample(latencyMs: number): void {
    this.#count++;
    if (this.#count <= ENOUGH) this.#estimateMs = Math.max(this.#estimateMs, latencyMs);
    else this.#estimateMs += this.#estimateMs * STEP * (latencyMs > this.#estimateMs ? QUANTILE : QUANTILE - 1);
  }
}
