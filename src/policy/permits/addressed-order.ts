import type { LeaseOrder } from '../../protocol/lease.ts';

/** An order, and the member that it goes to. */
export interface AddressedOrder {
  readonly member: string;
  readonly order: LeaseOrder;
}

/** The state that must survive control: without it, a new control could grant permits that a worker still holds. */
export interface SavedLeases {
  readonly member: string;
  readonly bound: readonly number[];
}
