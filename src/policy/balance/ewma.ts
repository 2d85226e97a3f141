/**
 * An exponentially weighted mean of one quantity for each route class, weighted by time and not by count.
 *   a sample   estimate = estimate * w + sample * (1 - w), w = exp(-since the last sample / decayMs);
 *              as a peak, estimate = sample where that is above it (Finagle's PeakEwma, tower, linkerd2-proxy)
 *   a read     estimate * exp(-since the last sample / decayMs): without samples it fades, else a backend that was slow
 *              once would be avoided for ever
 */
export class Ewma {
  readonly #decayMs: number;
  readonly #isPeak: boolean;
  /** By route class; undefined without a sample. */
  readonly #estimates: (number | undefined)[] = [];
  readonly #sampledAt: number[] = [];

  constructor(decayMs: number, kind: 'peak' | 'mean') {
    this.#decayMs = decayMs;
    this.#isPeak = kind === 'peak';
  }

  sample(routeClass: number, value: number, now: number): void {
    const estimate = this.#estimates[routeClass];
    if (estimate === undefined || (this.#isPeak && value > estimate)) {
      this.#estimates[routeClass] = value;
    } else {
      const weight = this.#fade(routeClass, now);
      this.#estimates[routeClass] = estimate * weight + value * (1 - weight);
    }
    this.#sampledAt[routeClass] = now;
  }

  /** Undefined without a sample. */
  read(routeClass: number, now: number): number | undefined {
    const estimate = this.#estimates[routeClass];
    return estimate === undefined ? undefined : estimate * this.#fade(routeClass, now);
  }

  /** The largest estimate of all classes; 0 without samples. */
  largest(now: number): number {
    let largest = 0;
    for (let routeClass = 0; routeClass < this.#estimates.length; routeClass++) {
      largest = Math.max(largest, this.read(routeClass, now) ?? 0);
    }
    return largest;
  }

  #fade(routeClass: number, now: number): number {
    return Math.exp(((this.#sampledAt[routeClass] ?? now) - now) / this.#decayMs);
  }
}
