import type { Random } from '../../../core/random.ts';

/** The largest mean of one draw: `exp(-mean)` must stay well above the smallest number. */
const MOST_MEAN = 30;

/**
 * Draws from a Poisson law by products of uniform numbers (Knuth), in parts where the mean is large. Costs a random number for each
 * event, and one more for each part.
 */
export class PoissonLaw {
  readonly #parts: number;
  readonly #threshold: number;

  constructor(mean: number) {
    this.#parts = Math.ceil(mean / MOST_MEAN);
    this.#threshold = this.#parts === 0 ? 1 : Math.exp(-mean / this.#parts);
  }

  draw(random: Random): number {
    let count = 0;
    for (let part = 0; part < this.#parts; part++) {
      for (let product = random(); product > this.#threshold; product *= random()) count++;
    }
    return count;
  }
}
