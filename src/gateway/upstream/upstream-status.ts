import type { ServiceTime } from '../../policy/admission/service-time.ts';
import type { RetryBudget } from '../../policy/retry/budget.ts';
import type { AdmissionQueue, QueueSnapshot } from './admission-queue.ts';
import type { BackendSet } from './backend-set.ts';
import type { HostView } from './host-view.ts';
import type { Permits } from './permits.ts';
import type { StreamPlaces } from './stream-places.ts';

export interface UpstreamParts {
  readonly queue: AdmissionQueue;
  readonly permits: Permits;
  readonly streams: StreamPlaces;
  readonly serviceTime: ServiceTime;
  readonly set: BackendSet;
  readonly budget: RetryBudget;
}

/** The figures of an upstream, for metrics and for `/api/status`. */
export function upstreamStatus({ queue, permits, streams, serviceTime, set, budget }: UpstreamParts, now: number) {
  return {
    queued: { interactive: queue.depthOf('interactive'), bulk: queue.depthOf('bulk') },
    standing: queue.standing,
    inFlight: permits.inFlight,
    streams: streams.taken,
    maxStreams: streams.max,
    permits: permits.total,
    limit: permits.total,
    serviceMs: serviceTime.meanMs(now),
    ejections: set.ejections,
    ejected: set.present.filter(({ ejected }) => ejected).length,
    retryBudget: budget.balance(now),
  };
}

export interface QueueParts extends Pick<UpstreamParts, 'permits' | 'serviceTime' | 'set'> {
  readonly host: HostView;
}

/** The state of an upstream over all workers, from which the queue decides. `cap`: of each backend, over the host. */
export function queueSnapshot(
  { host, permits, serviceTime, set }: QueueParts,
  cap: number,
  now: number,
): QueueSnapshot {
  const held = permits.total;
  const available = set.usable.filter((backend) => backend.available).length;
  return {
    ...host.with({ permits: held, inFlight: permits.inFlight, caps: available * cap }),
    serviceMs: serviceTime.meanMs(now),
    paceMs: serviceTime.paceMs(now),
    isUnavailable: available === 0,
    held,
  };
}
