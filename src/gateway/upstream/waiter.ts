import type { Place } from '../../policy/admission/request-queue.ts';
import { clientClosed } from '../http/body-refusals.ts';
import { Refusal } from '../refusal.ts';
import { type Cancellation, ClientGone } from './cancellable.ts';
import type { Claim, PendingPermit } from './claim.ts';
import type { Permit } from './permit.ts';

/** The queue that a request waits in. */
export interface WaiterOwner {
  /** Gives a place up; false if it is gone already. */
  leave(place: Place<Waiter>): boolean;
}

/** A request that waits for a permit. */
export class Waiter implements PendingPermit {
  readonly claim: Claim;
  readonly result: Promise<Permit | Refusal>;
  readonly #owner: WaiterOwner;
  readonly #settle: (result: Permit | Refusal) => void;
  place: Place<Waiter> | undefined;

  constructor(claim: Claim, owner: WaiterOwner) {
    const { promise, resolve } = Promise.withResolvers<Permit | Refusal>();
    this.claim = claim;
    this.#owner = owner;
    this.result = promise;
    this.#settle = resolve;
  }

  grant(permit: Permit): void {
    this.#settle(permit);
  }

  refuse(refusal: Refusal): void {
    this.#settle(refusal);
  }

  cancel(reason: Cancellation): void {
    if (this.place !== undefined && this.#owner.leave(this.place)) this.#settle(refusalFor(reason));
  }
}

/** The refusal of a request that was cancelled before it reached a backend; without a reason, the client has left. */
export const refusalFor = (reason: Cancellation | undefined): Refusal =>
  reason === undefined || reason instanceof ClientGone ? clientClosed : pastDeadline;

export const pastDeadline = new Refusal('deadline', 'the deadline of the request passed while it waited for a backend');
