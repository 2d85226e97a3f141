import type { Clock } from '../../src/core/clock.ts';
import type { UpstreamConfig } from '../../src/config/model.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { Upstream } from '../../src/gateway/upstream/upstream.ts';
import { quietInstruments } from './instruments.ts';
import { ManualClock } from './manual-clock.ts';

export interface BareUpstreamOptions {
  readonly backends?: number;
  readonly cap?: number;
  readonly queueCapacity?: number;
  /** In place of what the others say. */
  readonly config?: Partial<UpstreamConfig>;
  readonly initialPermits?: (cap: number) => number;
  /** In place of one that stands still. */
  readonly clock?: Clock;
}

/** An upstream whose backends are never spoken to: taking a permit opens no connection. The caller closes it. */
export function bareUpstream({
  backends = 1,
  cap = 1,
  queueCapacity = 2,
  config = {},
  initialPermits = (permits) => permits,
  clock: givenClock,
}: BareUpstreamOptions = {}): {
  clock: ManualClock;
  upstream: Upstream;
  instruments: ReturnType<typeof quietInstruments>;
} {
  const clock = new ManualClock();
  const instruments = quietInstruments();
  const upstream = new Upstream(
    {
      name: 'u',
      backends: Array.from({ length: backends }, (_, index) => ({
        id: `b${index}`,
        origin: `http://127.0.0.1:${index + 1}`,
      })),
      cap,
      health: undefined,
      required: false,
      queueCapacity,
      queuePerPermit: 0,
      isAnnounced: false,
      queueTimeoutMs: 100,
      isQueueTimeoutSet: true,
      admission: { limit: 'fixed', minLimit: 1, maxWaitMs: 'auto' },
      balancer: 'least-in-flight',
      streams: { max: 10, idleTimeoutMs: 1000 },
      replyHeadBytes: 16_384,
      ...config,
    },
    {
      clock: givenClock ?? clock,
      random: () => 0,
      metrics: new GatewayMetrics(instruments.registry),
      bugs: instruments.bugs,
      timeouts: { connectMs: 1000, idleMs: 1000 },
      maxStreams: () => 10,
      initialPermits,
    },
  );
  return { clock, upstream, instruments };
}
