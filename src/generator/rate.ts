/**
 * Events a second, as a mean that forgets: rate(t) = Σ exp(−(t − tᵢ)/τ) / τ over the events at tᵢ.
 *
 * It starts at zero and has 95 % of a steady rate after 3 τ.
 */
export class DecayingRate {
  readonly #timeConstantMs: number;
  #sum = 0;
  #at = 0;

  constructor(timeConstantMs: number) {
    this.#timeConstantMs = timeConstantMs;
  }

  count(now: number): void {
    this.#sum = this.#decayed(now) + 1;
    this.#at = now;
  }

  perSecond(now: number): number {
    return (this.#decayed(now) * 1000) / this.#timeConstantMs;
  }

  #decayed(now: number): number {
    return this.#sum * Math.exp((this.#at - now) / this.#timeConstantMs);
  }
}
