import type { Backend, Outcome } from './backend.ts';
import type { Cancellable } from './cancellable.ts';
import type { LoadReport } from '../../policy/balance/backend-load.ts';

/** Where a permit goes back to. */
export interface PermitOwner {
  /** The place at the backend is free again. */
  returned(permit: Permit, outcome: Outcome): void;
  /** Learns from the outcome of the request. */
  learn(permit: Permit, outcome: Outcome): void;
  /** Whether the permit has become a place among the streams; it then no longer counts as a permit. */
  makeStream(permit: Permit): boolean;
}

/** The right to have one request in flight at one backend, held until the last body byte. A link in the list of all that are out. */
export class Permit {
  readonly backend: Backend;
  readonly routeClass: number;
  readonly startedAt: number;
  /** A connection was there, and the request has gone out on it. */
  isSent = false;
  /** It is a place among the upstream's streams, which is no part of the backend's cap. */
  isStream: boolean;
  /** When the head of the reply was there. */
  headAt: number | undefined;
  /** Milliseconds after which a backend that refused wants to be asked again. */
  retryAfterMs: number | undefined;
  /** It was waited for, and came from control rather than from a request that ended. */
  isNewlyLeased = false;
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

  /** Turns it into a place among the streams, if there is one; what it is already, it stays. */
  becomeStream(): boolean {
    this.isStream ||= this.#owner.makeStream(this);
    return this.isStream;
  }

  /**
   * Gives it back, once, whatever happens. `seen`: until it resolves the backend may still be at work on a request that
   * was cancelled, and the permit stays out.
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
    void seen.then(() => this.#owner.returned(this, outcome));
    this.#owner.learn(this, outcome);
  }
}

/** Every permit that is out, the oldest first. */
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
    // A permit that is gone must not keep the others alive.
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
