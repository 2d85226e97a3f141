import type { UpstreamConfig } from '../config/model.ts';
import type { AddressedOrder } from '../policy/permits/addressed-order.ts';
import { BULK_ID, bulkLeaseOf } from '../protocol/bulk-lease.ts';
import type { UpstreamLeases } from './upstream-leases.ts';

/** The upstreams, and behind each that reserves permits the lease of those for bulk requests, as an upstream of one backend. */
export const withBulkLeases = (upstreams: readonly UpstreamConfig[]): UpstreamConfig[] =>
  upstreams.flatMap((upstream) => {
    if (upstream.reserved === undefined) return [upstream];
    const bulk: UpstreamConfig = {
      ...upstream,
      name: bulkLeaseOf(upstream.name),
      backends: [{ id: BULK_ID, origin: '' }],
      isAnnounced: false,
      cap: Math.max(0, upstream.backends.length * upstream.cap - upstream.reserved),
      health: undefined,
      admission: { ...upstream.admission, limit: 'fixed' },
      reserved: undefined,
    };
    return [upstream, bulk];
  });

/** The permits of the backends that are up change, and with them those that bulk requests may use: all but the reserved ones. */
export function fitBulkLeases(
  all: ReadonlyMap<string, UpstreamLeases>,
  now: number,
  send: (upstream: string, orders: readonly AddressedOrder[]) => void,
): void {
  for (const [name, { config, book }] of all) {
    if (config.reserved === undefined) continue;
    const bulk = all.get(bulkLeaseOf(name));
    const cap = Math.max(0, book.usable - config.reserved);
    if (bulk === undefined || bulk.book.caps[0] === cap) continue;
    send(bulk.config.name, bulk.setCap(BULK_ID, cap, now) ?? []);
  }
}
