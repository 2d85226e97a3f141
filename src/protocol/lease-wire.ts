import type { LeaseGrant, LeaseOrder, LeaseRecall, LeaseReport } from './lease.ts';

/** A count for each backend, by its id: two processes may know a list of backends in different orders, or of different lengths. */
export type ById = Readonly<Record<string, number>>;

/** An order or report on the wire. */
export type WireOrder =
  | (Omit<LeaseGrant, 'permits' | 'fallback'> & { readonly permits: ById; readonly fallback: ById })
  | (Omit<LeaseRecall, 'limits'> & { readonly limits: ById });
export type WireReport = Omit<LeaseReport, 'held'> & { readonly held: ById };

/** The backends in the order of the counts; undefined at a position that no backend has. */
type Ids = readonly (string | undefined)[];

export const byId = (counts: readonly number[], ids: Ids): ById =>
  Object.fromEntries(ids.flatMap((id, index) => (id === undefined ? [] : [[id, counts[index] ?? 0]])));

/** Counts of unknown backends are left out; a known backend without a count has 0. */
export const inOrder = (counts: ById, ids: Ids): number[] =>
  ids.map((id) => (id !== undefined && Object.hasOwn(counts, id) ? (counts[id] as number) : 0));

export const toWireReport = (report: LeaseReport, ids: Ids): WireReport => ({
  ...report,
  held: byId(report.held, ids),
});

export const fromWireReport = (report: WireReport, ids: Ids): LeaseReport => ({
  ...report,
  held: inOrder(report.held, ids),
});

export function toWireOrder(order: LeaseOrder, ids: Ids): WireOrder {
  return order.kind === 'grant'
    ? { ...order, permits: byId(order.permits, ids), fallback: byId(order.fallback, ids) }
    : { ...order, limits: byId(order.limits, ids) };
}

export function fromWireOrder(order: WireOrder, ids: Ids): LeaseOrder {
  return order.kind === 'grant'
    ? { ...order, permits: inOrder(order.permits, ids), fallback: inOrder(order.fallback, ids) }
    : { ...order, limits: inOrder(order.limits, ids) };
}
