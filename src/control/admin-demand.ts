import type { AdminRequest } from './admin-request.ts';
import { replyValue } from './admin-reply.ts';
import type { FleetStatus } from './fleet/fleet-status.ts';

interface UpstreamLoad {
  readonly inFlight: number;
  readonly queued: number;
  readonly permits: number;
}

/** GET /api/demand: what autoscalers go by. */
export function answerDemand({ control, res }: AdminRequest): void {
  const shared = control.upstreams.fleet?.status().backends ?? [];
  replyValue(res, { upstreams: upstreamDemand(control.observer.view.upstreams, shared) });
}

/**
 * The demand of each upstream: its requests in flight and waiting, on this host and, where hosts share its backends, on all
 * of them.
 */
export function upstreamDemand(
  upstreams: Readonly<Record<string, UpstreamLoad>>,
  shared: FleetStatus['backends'],
): Record<string, unknown>[] {
  return Object.entries(upstreams).map(([upstream, { inFlight, queued, permits }]) => {
    const backends = shared.filter((backend) => backend.upstream === upstream);
    const ofFleet = {
      demand: backends.reduce((sum, backend) => sum + backend.wanted_by_all, 0),
      permits: backends.reduce((sum, backend) => sum + backend.cap, 0),
    };
    return {
      upstream,
      demand: inFlight + queued,
      in_flight: inFlight,
      queued,
      permits,
      fleet: backends.length === 0 ? null : ofFleet,
    };
  });
}
