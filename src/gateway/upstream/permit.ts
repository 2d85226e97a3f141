import type { Backend, Outcome } from './backend.ts';
import type { BulkPermits } from './bulk-permits.ts';
import type { Cancellable } from './cancellable.ts';
import type { LoadReport } from '../../policy/balance/backend-load.ts';

/** The owner of a permit, to which it is given back. */
export interface PermitOwner {
  /** The place at the backend is free again. */
  returned(permit: Permit, outcome: Outcome): void;
  /** Learns from the outcome of the request. */
  learn(permit: Permit, outcome: Outcome): void;
  /** Hears of an exception in `returned` whose caller has gone on meanwhile. */
  failed(error: unknown): void;
  /** Turns the permit into a place among the streams, if one is free; it then no longer counts as a permit. */
  makeStream(permit: Permit): boolean;
}

/**
 * The right to have one request in flight at one backend, held until the last body byte. An element of the list of all
 * permits in use.
 */
export class Permit {
  readonly backend: Backend;
  readonly routeClass: number;
  readonly startedAt: number;
  /** The request has been sent on a connection. */
  isSent = false;
  /** It is a place among the upstream's streams, which does not count within the backend's cap. */
  isStream: boolean;
  /** When the head of the reply arrived. */
  headAt: number | undefined;
  /** Milliseconds after which a backend that refused wants to be asked again. */
  retryAfterMs: number | undefined;
  /** A request waited for it, and it came from control rather than from a request that ended. */
  isNewlyLeased = false;
  /** What it has also taken from, as the permit of a bulk request. */
  bulk: BulkPermits | undefined;
  /** The attempt that it is used for. */
  user: Cancellable | undefined;
  next: Permit | undefined;
  previous: Permit | undefined;
  readonly #owner: PermitOwner;
  #released = false;

  constructor(owner: PermitOwner, backend: Backend, routeClass: number, startedAt: number, isStream = false) {
    this.isStream = isStream;
    this.#owner = owner;
    this.backend = backend;
    this.routeClass = routeClass;
    this.startedAt = startedAt;
  }

  /** Takes up the load that the backend reports, with this request still in flight. */
  reported(report: LoadReport, now: number): void {
    this.backend.load.reported(report, this.backend.inFlight, now);
  }

  /** Turns it into a place among the streams, if one is free; returns whether it is one now. */
  becomeStream(): boolean {
    this.isStream ||= this.#owner.makeStream(this);
    return this.isStream;
  }

  /**
   * Gives it back, exactly once. `seen`: until it resolves, the backend may still work on a cancelled request, so the
   * permit stays in use.
   */
  release(outcome: Outcome, seen?: Promise<void>): void {
    if (this.#released) return;
    this.#released = true;
    this.user = undefined;
    if (seen === undefined) {
      try {
        this.#owner.returned(this, outcome);
      } finally {
        this.#owner.learn(this, outcome);
      }
      return;
    }
    seen.then(() => this.#owner.returned(this, outcome)).catch((error: unknown) => this.#owner.failed(error));
    this.#owner.learn(this, outcome);
  }
}

/** All permits in use, the oldest first. */
export class PermitList {
  oldest: Permit | undefined;
  #newest: Permit | undefined;
  size = 0;

  add(permit: Permit): void {
    permit.previous = this.#newest;
    if (this.#newest === undefined) this.oldest = permit;
    else this.#newest.next = permit;
    this.#newest = permit;
    this.size++;
  }

  remove(permit: Permit): void {
    if (permit.previous === undefined) this.oldest = permit.next;
    else permit.previous.next = permit.next;
    if (permit.next === undefined) this.#newest = permit.previous;
    else permit.next.previous = permit.previous;
    // A removed permit must not keep the others reachable.
    permit.next = undefined;
    permit.previous = undefined;
    this.size--;
  }

  /** Those at one backend whose reply has not begun. */
  unansweredAt(backend: Backend): Permit[] {
    const found: Permit[] = [];
    for (let permit = this.oldest; permit !== undefined; permit = permit.next) {
      if (permit.backend === backend && permit.headAt === undefined) found.push(permit);
    }
    return found;
  }
}
