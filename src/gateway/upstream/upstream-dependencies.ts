import type { UpstreamConfig } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** The dependencies of an upstream, beside its configuration. */
export interface UpstreamDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly bugs: Bugs;
  readonly timeouts: { readonly connectMs: number; readonly idleMs: number };
  /** Streams that this worker may have open. */
  readonly maxStreams: (config: UpstreamConfig) => number;
  /** Gateway workers of the host, which share the budget of retries. */
  readonly workers?: number;
  /** Permits per backend before the first message of control. */
  readonly initialPermits: (cap: number) => number;
}
