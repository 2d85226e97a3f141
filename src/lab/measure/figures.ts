import type { LoadResult } from '../load/engine.ts';
import type { OutcomeName } from '../load/outcome.ts';
import { type Distribution, Latencies } from './latency.ts';

/** The part of a run that counts, in milliseconds from its start. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was measured of the requests that were due within the window. */
export interface Figures {
  readonly requests: number;
  readonly offeredPerSecond: number;
  /** Successes that ended within the window, whenever they began. */
  readonly throughputPerSecond: number;
  readonly outcomes: Readonly<Partial<Record<OutcomeName, number>>>;
  /** Neither answered with success nor refused: 4xx, 5xx, timeouts, lost connections. */
  readonly errorShare: number;
  readonly refusedShare: number;
  /** Of successes, from the intended start. */
  readonly latency: Distribution;
  /** As the server says in Server-Timing. */
  readonly wait: Distribution;
  readonly exec: Distribution;
}

export interface EndpointFigures extends Figures {
  readonly endpoint: string;
  /** Compressed HdrHistogram of the latencies, in microseconds. */
  readonly histogram: string;
}

const good = new Set<OutcomeName>(['2xx', '3xx']);

export function figuresOf(result: LoadResult, window: Window): Figures {
  return collected(result, window, () => true).figures();
}

export function figuresByEndpoint(result: LoadResult, window: Window, endpoints: readonly string[]): EndpointFigures[] {
  return endpoints.map((endpoint, index) => {
    const collection = collected(result, window, (row) => result.requests.endpoint(row) === index);
    return { endpoint, ...collection.figures(), histogram: collection.latency.encoded() };
  });
}

/** Successes of the window that took longer than so many milliseconds. */
export function countOver({ requests }: LoadResult, { fromMs, toMs }: Window, limitMs: number): number {
  let over = 0;
  for (let row = 0; row < requests.count; row++) {
    const intendedMs = requests.intendedMs(row);
    const isCounted = intendedMs >= fromMs && intendedMs < toMs && good.has(requests.outcome(row));
    if (isCounted && requests.latencyMs(row) > limitMs) over++;
  }
  return over;
}

function collected({ requests }: LoadResult, window: Window, belongs: (row: number) => boolean): Collection {
  const collection = new Collection(window);
  for (let row = 0; row < requests.count; row++) {
    if (!belongs(row)) continue;
    const outcome = requests.outcome(row);
    const endMs = requests.endMs(row);
    if (good.has(outcome) && endMs >= window.fromMs && endMs < window.toMs) collection.ended++;
    const intendedMs = requests.intendedMs(row);
    if (intendedMs < window.fromMs || intendedMs >= window.toMs) continue;
    collection.count(outcome);
    if (!good.has(outcome)) continue;
    collection.latency.record(endMs - intendedMs);
    if (Number.isNaN(requests.execMs(row))) continue;
    collection.wait.record(requests.waitMs(row));
    collection.exec.record(requests.execMs(row));
  }
  return collection;
}

class Collection {
  readonly latency = new Latencies();
  readonly wait = new Latencies();
  readonly exec = new Latencies();
  readonly #seconds: number;
  readonly #outcomes: Partial<Record<OutcomeName, number>> = {};
  ended = 0;

  constructor({ fromMs, toMs }: Window) {
    this.#seconds = (toMs - fromMs) / 1000;
  }

  count(outcome: OutcomeName): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
  }

  figures(): Figures {
    const outcomes = this.#outcomes;
    const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    const refused = outcomes.refused ?? 0;
    const succeeded = (outcomes['2xx'] ?? 0) + (outcomes['3xx'] ?? 0);
    const share = (count: number): number => (requests === 0 ? 0 : count / requests);
    return {
      requests,
      offeredPerSecond: requests / this.#seconds,
      throughputPerSecond: this.ended / this.#seconds,
      outcomes,
      errorShare: share(requests - refused - succeeded),
      refusedShare: share(refused),
      latency: this.latency.distribution(),
      wait: this.wait.distribution(),
      exec: this.exec.distribution(),
    };
  }
}
