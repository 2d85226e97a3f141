import { staticShare } from '../policy/permits/shares.ts';
import type { GatewayDependencies } from './open-context.ts';
import { LeaseClient } from './upstream/lease-client.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Makes the worker's half of the leases of each upstream; none without control. */
export function openLeases(
  upstreams: readonly Upstream[],
  { config, clock, sendLeaseReport: send }: GatewayDependencies,
): Map<string, LeaseClient> {
  if (send === undefined) return new Map();
  return new Map(
    upstreams.map((upstream) => {
      const cap = config.upstreams.find(({ name }) => name === upstream.name)?.cap ?? 1;
      const share = staticShare(cap, config.env.GATEWAY_WORKERS);
      return [upstream.name, new LeaseClient({ upstream, share, clock, send })];
    }),
  );
}
