import type { LoadResult } from '../load/engine.ts';
import type { OutcomeName } from '../load/outcome.ts';
import { type Distribution, Latencies } from './latency.ts';

/** The part of a run that counts, in milliseconds from its start. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The figures of the requests that were due within the window. */
export interface Figures {
  readonly requests: number;
  readonly offeredPerSecond: number;
  /** Successes that ended within the window, whenever they began. */
  readonly throughputPerSecond: number;
  readonly outcomes: Readonly<Partial<Record<OutcomeName, number>>>;
  /** Neither answered with success nor refused: 4xx, 5xx, timeouts, lost connections, replies that are not what was expected. */
  readonly errorShare: number;
  readonly refusedShare: number;
  /** The latency of successes, from their intended starts. */
  readonly latency: Distribution;
  /** The times that the server sends in Server-Timing. */
  readonly wait: Distribution;
  readonly exec: Distribution;
}

export interface EndpointFigures extends Figures {
  readonly endpoint: string;
  /** Successes beyond its own target. */
  readonly overTarget?: number;
  /** Compressed HdrHistogram of the latencies, in microseconds. */
  readonly histogram: string;
}

const good = new Set<OutcomeName>(['2xx', '3xx', 'as-expected']);

export function figuresOf(result: LoadResult, window: Window): Figures {
  return new FigureCollection().add(result, window).figures();
}

export function figuresByEndpoint(result: LoadResult, window: Window, endpoints: readonly string[]): EndpointFigures[] {
  return endpoints.map((endpoint, index) => new FigureCollection(index).add(result, window).ofEndpoint(endpoint));
}

/** Successes of the window that took longer than what is asked of their endpoint, whose index is given: milliseconds. */
export function countOver(
  { requests }: LoadResult,
  { fromMs, toMs }: Window,
  limitMs: number | ((endpoint: number) => number),
): number {
  const limitMsOf = typeof limitMs === 'number' ? () => limitMs : limitMs;
  let over = 0;
  for (let row = 0; row < requests.count; row++) {
    const intendedMs = requests.intendedMs(row);
    const isCounted = intendedMs >= fromMs && intendedMs < toMs && good.has(requests.outcome(row));
    if (isCounted && requests.latencyMs(row) > limitMsOf(requests.endpoint(row))) over++;
  }
  return over;
}

/** Figures of as many windows as one likes, in memory that does not grow with them. */
export class FigureCollection {
  readonly #endpoint: number | undefined;
  readonly #latency = new Latencies();
  readonly #wait = new Latencies();
  readonly #exec = new Latencies();
  readonly #outcomes: Partial<Record<OutcomeName, number>> = {};
  #seconds = 0;
  #ended = 0;

  /** The endpoint of the mix to count; undefined for all. */
  constructor(endpoint?: number) {
    this.#endpoint = endpoint;
  }

  add({ requests }: LoadResult, { fromMs, toMs }: Window): this {
    this.#seconds += (toMs - fromMs) / 1000;
    for (let row = 0; row < requests.count; row++) {
      if (this.#endpoint !== undefined && requests.endpoint(row) !== this.#endpoint) continue;
      const outcome = requests.outcome(row);
      const endMs = requests.endMs(row);
      if (good.has(outcome) && endMs >= fromMs && endMs < toMs) this.#ended++;
      const intendedMs = requests.intendedMs(row);
      if (intendedMs < fromMs || intendedMs >= toMs) continue;
      this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
      if (!good.has(outcome)) continue;
      this.#latency.record(endMs - intendedMs);
      if (Number.isNaN(requests.execMs(row))) continue;
      this.#wait.record(requests.waitMs(row));
      this.#exec.record(requests.execMs(row));
    }
    return this;
  }

  figures(): Figures {
    const outcomes = { ...this.#outcomes };
    const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    const refused = outcomes.refused ?? 0;
    const succeeded = (outcomes['2xx'] ?? 0) + (outcomes['3xx'] ?? 0) + (outcomes['as-expected'] ?? 0);
    const share = (count: number): number => (requests === 0 ? 0 : count / requests);
    return {
      requests,
      offeredPerSecond: requests / this.#seconds,
      throughputPerSecond: this.#ended / this.#seconds,
      outcomes,
      errorShare: share(requests - refused - succeeded),
      refusedShare: share(refused),
      latency: this.#latency.distribution(),
      wait: this.#wait.distribution(),
      exec: this.#exec.distribution(),
    };
  }

  ofEndpoint(endpoint: string): EndpointFigures {
    return { endpoint, ...this.figures(), histogram: this.#latency.encoded() };
  }
}
