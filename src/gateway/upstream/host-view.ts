import type { HostLoad } from '../../protocol/lease.ts';

/** The load of one worker at an upstream. */
export interface OwnLoad {
  /** Permits of backends that can be used. */
  readonly permits: number;
  readonly inFlight: number;
  /** Permits that all workers together would have of the backends that can be used, by the caps. */
  readonly caps: number;
}

/** The load of an upstream over all workers of the host, as this worker knows it. */
export class HostView {
  /** The load of the other workers, from control; undefined without control. */
  load: HostLoad | undefined;

  /** The figures of all workers, this one included. Without control they are the figures of this worker alone. */
  with(own: OwnLoad): {
    permits: number;
    inFlight: number;
    queuedElsewhere: number;
    bulkElsewhere: number;
    workers: number;
  } {
    const { workers = 1, queued = 0, bulk = 0, inFlight = 0 } = this.load ?? {};
    // A worker that has just started holds no permits yet.
    const permits = this.load?.permits ?? (own.permits > 0 ? own.permits : own.caps);
    return { permits, inFlight: own.inFlight + inFlight, queuedElsewhere: queued, bulkElsewhere: bulk, workers };
  }
}
