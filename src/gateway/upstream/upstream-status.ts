import type { UpstreamParts } from './upstream-parts.ts';
import type { LeaseUse } from '../../policy/permits/lease-state.ts';
import type { QueueSnapshot } from './admission-queue.ts';
import type { BulkPermits } from './bulk-permits.ts';
import type { HostView } from './host-view.ts';

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

/** The load of an upstream, from which control allocates leases. */
export function leaseUseOf({
  set,
  queue,
  serviceTime,
  bulk,
  isAdaptive,
  homes,
}: UpstreamParts & { bulk: BulkPermits | undefined; isAdaptive: boolean }): LeaseUse {
  const inFlight = set.slots.map((backend) => backend?.inFlight ?? 0);
  const wanted =
    homes.size === 0 ? undefined : set.slots.map((backend) => (backend === undefined ? 0 : homes.waitingAt(backend)));
  const use = {
    inFlight,
    queued: queue.depth,
    bulk: queue.depthOf('bulk'),
    blocked: bulk?.queueDepth,
    ...(wanted && { wanted }),
  };
  return isAdaptive ? { ...use, ...serviceTime.totals } : use;
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
