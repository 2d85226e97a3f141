import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

/** Quantiles of a set of durations, in milliseconds; NaN of none. */
export interface Distribution {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Three digits: a quantile is off by a thousandth at most. */
const DIGITS = 3;
const LONGEST_US = 3_600_000_000;

/**
 * Durations in a high dynamic range histogram (Tene), in microseconds: of a fixed size however many there are, and such that
 * those of several processes or runs can be added.
 */
export class Latencies {
  readonly #histogram: Histogram = build({ highestTrackableValue: LONGEST_US, numberOfSignificantValueDigits: DIGITS });

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(LONGEST_US, Math.max(0, Math.round(ms * 1000))));
  }

  distribution(): Distribution {
    const count = this.#histogram.totalCount;
    const at = (percent: number): number =>
      count === 0 ? Number.NaN : this.#histogram.getValueAtPercentile(percent) / 1000;
    return {
      count,
      meanMs: count === 0 ? Number.NaN : this.#histogram.mean / 1000,
      p50Ms: at(50),
      p90Ms: at(90),
      p95Ms: at(95),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: at(100),
    };
  }

  /** In the compressed form that every HdrHistogram reads. */
  encoded(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }
}
