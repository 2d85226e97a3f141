import { latencyBounds } from './latency-bounds.ts';

/**
 * Counters, gauges and histograms for the request path. A label set is resolved once and its instrument kept, so that
 * counting a request costs an addition and no look-up, no object and no string.
 */
export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

export class Gauge {
  value = 0;

  add(amount: number): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** Observations by bucket, not cumulated; the last one lies above every bound. */
  readonly counts: number[];
  sum = 0;
  /** By bucket; undefined until a trace was kept. */
  exemplars: (Exemplar | null)[] | undefined;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const { counts } = this;
    const index = this.#bucketOf(value);
    counts[index] = (counts[index] as number) + 1;
    this.sum += value;
  }

  /** Keeps a trace as the example of its bucket, in place of the one before. */
  exemplify(value: number, traceId: string, atMs: number): void {
    (this.exemplars ??= this.counts.map(() => null))[this.#bucketOf(value)] = [traceId, value, atMs];
  }

  #bucketOf(value: number): number {
    const { bounds } = this;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    return index;
  }
}

/** How the values of several processes are combined: by their sum, or by their maximum. */
export type Merge = 'sum' | 'max';
export type Kind = 'counter' | 'gauge' | 'histogram' | 'summary';

/** A trace that shows what an observation stands for; its time in milliseconds since the epoch. */
export type Exemplar = readonly [traceId: string, value: number, atMs: number];

export interface HistogramValue {
  readonly counts: readonly number[];
  readonly sum: number;
  /** By bucket. */
  readonly exemplars?: readonly (Exemplar | null)[];
}

/** One metric with all its label sets, as a value that can be sent to another process. */
export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly merge: Merge;
  readonly labels: readonly string[];
  readonly bounds?: readonly number[];
  readonly series: readonly (readonly [readonly string[], number | HistogramValue])[];
}

export type Snapshot = readonly FamilySnapshot[];

/** One metric: makes an instrument for each set of label values, and gives the same one for the same values. */
export class Family<I extends Counter | Gauge | Histogram> {
  readonly #head: Omit<FamilySnapshot, 'series'>;
  readonly #make: () => I;
  readonly #series = new Map<string, readonly [readonly string[], I]>();

  constructor(head: Omit<FamilySnapshot, 'series'>, make: () => I) {
    this.#head = head;
    this.#make = make;
  }

  /** The instrument of these label values, in the order of the label names. Keep it: this is a look-up. */
  of(...values: readonly string[]): I {
    const key = values.join('\u0000');
    const known = this.#series.get(key);
    if (known !== undefined) return known[1];
    const made = this.#make();
    this.#series.set(key, [values, made]);
    return made;
  }

  /** Removes an instrument. Only for gauges, because a counter that disappears would seem to fall. */
  remove(...values: readonly string[]): void {
    this.#series.delete(values.join('\u0000'));
  }

  snapshot(): FamilySnapshot {
    const series = [...this.#series.values()].map(
      ([values, instrument]) =>
        [values, instrument instanceof Histogram ? valueOfHistogram(instrument) : instrument.value] as const,
    );
    return { ...this.#head, series };
  }
}

function valueOfHistogram({ counts, sum, exemplars }: Histogram): HistogramValue {
  return exemplars === undefined
    ? { counts: [...counts], sum }
    : { counts: [...counts], sum, exemplars: [...exemplars] };
}

/** The metrics of one process. */
export class Registry {
  readonly #bounds: readonly number[];
  readonly #families = new Map<string, Family<Counter> | Family<Gauge> | Family<Histogram>>();
  readonly #refreshers = new Set<() => void>();

  /** `bounds`: of its histograms, in seconds. */
  constructor(bounds: readonly number[] = latencyBounds) {
    this.#bounds = bounds;
  }

  counter(name: string, help: string, ...labels: readonly string[]): Family<Counter> {
    return this.#add(new Family({ name, help, kind: 'counter', merge: 'sum', labels }, () => new Counter()), name);
  }

  gauge(name: string, help: string, merge: Merge, ...labels: readonly string[]): Family<Gauge> {
    return this.#add(new Family({ name, help, kind: 'gauge', merge, labels }, () => new Gauge()), name);
  }

  /** Quantiles that the process has computed itself; the last label must be `quantile`. The worst process is shown. */
  summary(name: string, help: string, ...labels: readonly [...string[], 'quantile']): Family<Gauge> {
    return this.#add(new Family({ name, help, kind: 'summary', merge: 'max', labels }, () => new Gauge()), name);
  }

  histogram(name: string, help: string, ...labels: readonly string[]): Family<Histogram> {
    const head = { name, help, kind: 'histogram', merge: 'sum', labels, bounds: this.#bounds } as const;
    return this.#add(new Family(head, () => new Histogram(this.#bounds)), name);
  }

  /** Called for a refresh that threw. Its gauges keep their last values, and the others are still refreshed. */
  onRefreshError: ((error: unknown) => void) | undefined;

  /** Calls `refresh` before each snapshot: for gauges that are read rather than counted. Returns how to end that. */
  onSnapshot(refresh: () => void): () => void {
    this.#refreshers.add(refresh);
    return () => void this.#refreshers.delete(refresh);
  }

  snapshot(): Snapshot {
    for (const refresh of this.#refreshers) {
      try {
        refresh();
      } catch (error) {
        if (this.onRefreshError === undefined) throw error;
        this.onRefreshError(error);
      }
    }
    return [...this.#families.values()].map((family) => family.snapshot());
  }

  #add<F extends Family<Counter> | Family<Gauge> | Family<Histogram>>(family: F, name: string): F {
    if (this.#families.has(name)) throw new Error(`The metric ${name} is already there`);
    this.#families.set(name, family);
    return family;
  }
}
