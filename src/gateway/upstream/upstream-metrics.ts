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
    registry.onSnapshot(() => {
      const now = status();
      depth.interactive.set(now.queued.interactive);
      depth.bulk.set(now.queued.bulk);
      permits.of(name).set(now.permits);
      limit.of(name).set(now.limit);
      ejected.of(name).set(now.ejected);
      retryBudget.of(name).set(now.retryBudget);
      streams.of(name).set(now.streams);
      standing.of(name).set(now.standing ? 1 : 0);
      ejections.value = now.ejections;
    });
  }

  countRetry(kind: RetryKind | 'over-budget'): void {
    this.#retries[kind].value++;
  }
}
