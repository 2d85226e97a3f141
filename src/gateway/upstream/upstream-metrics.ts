import type { Counter } from '../../metrics/instruments.ts';
import type { GatewayMetrics } from '../metrics.ts';

export type RetryKind = 'connection' | 'failure' | 'reply' | 'hedge';

/** The figures of an upstream that its metrics show. */
export interface UpstreamFigures {
  readonly queued: { readonly interactive: number; readonly bulk: number };
  readonly standing: boolean;
  readonly streams: number;
  readonly permits: number;
  readonly limit: number;
  readonly ejections: number;
  readonly ejected: number;
  readonly retryBudget: number;
}

/** The metrics of an upstream, read when a report is made. */
export class UpstreamMetrics {
  readonly #retries: Record<RetryKind | 'over-budget', Counter>;
  readonly #close: () => void;

  constructor(name: string, all: GatewayMetrics, status: () => UpstreamFigures) {
    const { registry, retries } = all;
    this.#retries = {
      connection: retries.of(name, 'connection'),
      failure: retries.of(name, 'failure'),
      reply: retries.of(name, 'reply'),
      hedge: retries.of(name, 'hedge'),
      'over-budget': retries.of(name, 'over-budget'),
    };
    const ejections = all.ejections.of(name);
    const { permits, limit, ejected, retryBudget, standing, streams } = all.upstreams;
    const depth = { interactive: all.queueDepth.of(name, 'interactive'), bulk: all.queueDepth.of(name, 'bulk') };
    let counted = 0;
    const refresh = (): void => {
      const now = status();
      depth.interactive.set(now.queued.interactive);
      depth.bulk.set(now.queued.bulk);
      permits.of(name).set(now.permits);
      limit.of(name).set(now.limit);
      ejected.of(name).set(now.ejected);
      retryBudget.of(name).set(now.retryBudget);
      streams.of(name).set(now.streams);
      standing.of(name).set(now.standing ? 1 : 0);
      // Another upstream of this name may have counted before.
      ejections.add(now.ejections - counted);
      counted = now.ejections;
    };
    const forget = registry.onSnapshot(refresh);
    this.#close = () => {
      refresh();
      forget();
      for (const gauge of [permits, limit, ejected, retryBudget, streams, standing]) gauge.remove(name);
      for (const priority of ['interactive', 'bulk']) all.queueDepth.remove(name, priority);
    };
  }

  /** The upstream is closed. Its counters stay, because a counter that disappears would seem to fall. */
  close(): void {
    this.#close();
  }

  countRetry(kind: RetryKind | 'over-budget'): void {
    this.#retries[kind].value++;
  }
}
