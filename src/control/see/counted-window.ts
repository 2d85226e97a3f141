import { withBounds } from '../../metrics/rebucket.ts';
import type { HistogramValue } from '../../metrics/instruments.ts';
import { combined, sumOf, sumsBy, type Totals, valueOf } from './totals.ts';

/** What was counted between two moments. */
export class CountedWindow {
  readonly end: Totals;
  readonly #start: Totals;
  readonly #seconds: number;
  /** What was computed already: several findings look at the same family. */
  readonly #rates = new Map<string, ReadonlyMap<string, number>>();

  constructor(start: Totals, end: Totals, seconds: number) {
    this.#start = start;
    this.end = end;
    this.#seconds = seconds;
  }

  /** The increase per second of the sum of the series whose labels begin with these. */
  rate(name: string, ...first: readonly string[]): number {
    return this.#perSecond(sumOf(this.end, name, ...first) - sumOf(this.#start, name, ...first));
  }

  /** The increase per second of the series with exactly these labels. */
  rateOf(name: string, ...labels: readonly string[]): number {
    return this.#perSecond(valueOf(this.end, name, ...labels) - valueOf(this.#start, name, ...labels));
  }

  /** The increase per second of each series, only those above zero, by the labels joined by line feeds. */
  rates(name: string): ReadonlyMap<string, number> {
    const known = this.#rates.get(name);
    if (known !== undefined) return known;
    const before = this.#start.numbers.get(name);
    const rates = new Map<string, number>();
    for (const [key, value] of this.end.numbers.get(name) ?? []) {
      const rate = this.#perSecond(value - (before?.get(key) ?? 0));
      if (rate > 0) rates.set(key, rate);
    }
    this.#rates.set(name, rates);
    return rates;
  }

  /** The increases per second by the label at this position, only those above zero. */
  ratesBy(name: string, position: number): Map<string, number> {
    const before = sumsBy(this.#start, name, position);
    const rates = new Map<string, number>();
    for (const [label, value] of sumsBy(this.end, name, position)) {
      const rate = this.#perSecond(value - (before.get(label) ?? 0));
      if (rate > 0) rates.set(label, rate);
    }
    return rates;
  }

  /** What a histogram has counted, over all its series or that of these labels. */
  histogram(name: string, labels?: string): HistogramValue | undefined {
    const [start, end] = [histogramOf(this.#start, name, labels), histogramOf(this.end, name, labels)];
    if (end === undefined || start === undefined) return end;
    return combined(end, withBounds(start, this.#start.bounds, this.end.bounds), -1);
  }

  /** The quantile of a histogram's increase in milliseconds; undefined without observations. */
  quantileMs(name: string, q: number, labels?: string): number | undefined {
    const value = this.histogram(name, labels);
    return value === undefined ? undefined : bucketQuantile(value.counts, this.end.bounds, q);
  }

  /** The quantiles of a histogram's increase over all its series, as `quantileMs`. */
  quantilesMs(name: string): (q: number) => number | undefined {
    const value = this.histogram(name);
    return (q) => (value === undefined ? undefined : bucketQuantile(value.counts, this.end.bounds, q));
  }

  /** A process that was replaced by one with lower counters yields no negative rate. */
  #perSecond(increase: number): number {
    return this.#seconds <= 0 ? 0 : Math.max(0, increase) / this.#seconds;
  }
}

function histogramOf({ histograms }: Totals, name: string, labels: string | undefined): HistogramValue | undefined {
  const family = histograms.get(name);
  if (family === undefined) return undefined;
  if (labels !== undefined) return family.get(labels);
  return [...family.values()].reduce<HistogramValue | undefined>(
    (sum, value) => (sum === undefined ? value : combined(sum, value, 1)),
    undefined,
  );
}

/** Milliseconds, linear within the bucket, as Prometheus' histogram_quantile; the last bound for what lies above it. */
export function bucketQuantile(counts: readonly number[], bounds: readonly number[], q: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + Math.max(0, count), 0);
  if (total === 0) return undefined;
  const rank = q * total;
  let seen = 0;
  for (const [index, raw] of counts.entries()) {
    const count = Math.max(0, raw);
    if (seen + count < rank || count === 0) {
      seen += count;
      continue;
    }
    const upper = bounds[index];
    if (upper === undefined) return (bounds.at(-1) ?? 0) * 1000;
    const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
    return (lower + ((upper - lower) * (rank - seen)) / count) * 1000;
  }
  return (bounds.at(-1) ?? 0) * 1000;
}
