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

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    counts[index] = (counts[index] as number) + 1;
    this.sum += value;
  }
}

/** Seconds: from a cache hit to the longest timeout, with the targets of the SLO catalogue among the bounds. */
export const latencyBounds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20, 30,
];

/** How the values of several processes are combined: by their sum, or by their maximum. */
export type Merge = 'sum' | 'max';
export type Kind = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface HistogramValue {
  readonly counts: readonly number[];
  readonly sum: number;
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
        [
          values,
          instrument instanceof Histogram ? { counts: [...instrument.counts], sum: instrument.sum } : instrument.value,
        ] as const,
    );
    return { ...this.#head, series };
  }
}

/** The metrics of one process. */
export class Registry {
  readonly #families = new Map<string, Family<Counter> | Family<Gauge> | Family<Histogram>>();
  readonly #refreshers = new Set<() => void>();

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
    const head = { name, help, kind: 'histogram', merge: 'sum', labels, bounds: latencyBounds } as const;
    return this.#add(new Family(head, () => new Histogram(latencyBounds)), name);
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
