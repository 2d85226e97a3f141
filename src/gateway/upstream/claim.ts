import type { Priority } from '../../policy/admission/priority.ts';
import type { Refusal } from '../refusal.ts';
import type { Backend } from './backend.ts';
import type { Cancellable } from './cancellable.ts';
import type { Permit } from './permit.ts';

/** The requester of a permit, as far as the queue needs to know it; read only when no permit is free at once. */
export interface Claimant {
  readonly priority: Priority;
  /** Keys share the queue fairly. */
  readonly fairKey: string;
  /** The client comes back at once from every refusal. */
  readonly isImpatient?: boolean;
}

/** A request for a permit. */
export interface Claim {
  readonly claimant: Claimant;
  readonly routeClass: number;
  /** When the request is no longer worth doing. */
  readonly deadline: number;
  /** The backend of a failed attempt: others are preferred. */
  readonly excluded?: Backend | undefined;
  /** The hash of its session, which has a backend of its own; undefined: the balancer decides. */
  readonly session?: number | undefined;
  /** It has waited for the backend of its session, and takes another one. */
  readonly mayMove?: boolean;
}

/** A wait that can be cancelled: it then ends with the refusal that belongs to the cancellation. */
export interface PendingPermit extends Cancellable {
  readonly result: Promise<Permit | Refusal>;
}
