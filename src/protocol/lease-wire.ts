import type { LeaseGrant, LeaseOrder, LeaseRecall, LeaseReport } from './lease.ts';

/** A count for each backend, by its id: two processes may know a list of backends in different orders, or of different lengths. */
export type ById = Readonly<Record<string, number>>;

/** An order or report on the wire. */
export type WireOrder =
  | (Omit<LeaseGrant, 'permits' | 'fallback'> & { readonly permits: ById; readonly fallback: ById })
  | (Omit<LeaseRecall, 'limits' | 'only'> & { readonly limits: ById; readonly only?: ById });
export type WireReport = Omit<LeaseReport, 'held' | 'wanted' | 'used'> & {
  readonly held: ById;
  readonly wanted?: ById;
  readonly used?: ById;
};

/** The backends in the order of the counts; undefined at a position that no backend has. */
type Ids = readonly (string | undefined)[];

export const byId = (counts: readonly number[], ids: Ids): ById =>
  Object.fromEntries(ids.flatMap((id, index) => (id === undefined ? [] : [[id, counts[index] ?? 0]])));

/** Counts of unknown backends are left out; a known backend without a count has 0. */
export const inOrder = (counts: ById, ids: Ids): number[] =>
  ids.map((id) => (id !== undefined && Object.hasOwn(counts, id) ? (counts[id] as number) : 0));

export const toWireReport = ({ held, wanted, used, ...others }: LeaseReport, ids: Ids): WireReport => ({
  ...others,
  held: byId(held, ids),
  ...(wanted && { wanted: byId(wanted, ids) }),
  ...(used && { used: byId(used, ids) }),
});

export const fromWireReport = ({ held, wanted, used, ...others }: WireReport, ids: Ids): LeaseReport => ({
  ...others,
  held: inOrder(held, ids),
  ...(wanted && { wanted: inOrder(wanted, ids) }),
  ...(used && { used: inOrder(used, ids) }),
});

export function toWireOrder(order: LeaseOrder, ids: Ids): WireOrder {
  if (order.kind === 'grant')
    return { ...order, permits: byId(order.permits, ids), fallback: byId(order.fallback, ids) };
  const { limits, only, ...others } = order;
  return { ...others, limits: byId(limits, ids), ...(only && { only: byId(only, ids) }) };
}

export function fromWireOrder(order: WireOrder, ids: Ids): LeaseOrder {
  if (order.kind === 'grant')
    return { ...order, permits: inOrder(order.permits, ids), fallback: inOrder(order.fallback, ids) };
  const { limits, only, ...others } = order;
  return { ...others, limits: inOrder(limits, ids), ...(only && { only: inOrder(only, ids) }) };
}
