import type { SimulatedOutcome, SimulatedRequest } from './request.ts';

/** The results of a run. Times in milliseconds. */
export interface Result {
  /** The counts of all requests, including the warm-up. */
  readonly outcomes: Readonly<Record<SimulatedOutcome, number>>;
  /** The rest is without the warm-up. Latency from arrival; a request past its deadline counts with its deadline. */
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Mean latency less the mean work at speed 1. */
  readonly meanWaitMs: number;
  /** Share that failed, was refused or passed its deadline. */
  readonly errorShare: number;
  readonly simulatedMs: number;
}

/** Collects outcomes; keeps every latency, as a tail estimated from buckets would hide what is compared. */
export class Measurements {
  readonly #warmUp: number;
  readonly #latencies: Float64Array;
  readonly #outcomes: Record<SimulatedOutcome, number> = { success: 0, failed: 0, refused: 0, timeout: 0 };
  #timed = 0;
  #measured = 0;
  #errors = 0;
  #latencySum = 0;
  #workSum = 0;

  constructor(requests: number, warmUp: number) {
    this.#warmUp = warmUp;
    this.#latencies = new Float64Array(requests);
  }

  add(request: SimulatedRequest, outcome: SimulatedOutcome, now: number): void {
    this.#outcomes[outcome]++;
    if (request.number < this.#warmUp) return;
    this.#measured++;
    if (outcome !== 'success') this.#errors++;
    // Errors come early, so if they counted, a gateway would look faster the more it fails.
    if (outcome === 'failed' || outcome === 'refused') return;
    this.#latencies[this.#timed++] = now - request.arrivedAt;
    this.#latencySum += now - request.arrivedAt;
    this.#workSum += request.workMs;
  }

  result(simulatedMs: number): Result {
    const sorted = this.#latencies.subarray(0, this.#timed).sort();
    const quantile = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
    return {
      outcomes: this.#outcomes,
      meanMs: this.#latencySum / this.#timed,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      p999Ms: quantile(0.999),
      meanWaitMs: (this.#latencySum - this.#workSum) / this.#timed,
      errorShare: this.#errors / this.#measured,
      simulatedMs,
    };
  }
}
