import type { Clock } from '../../core/clock.ts';
import { homeOf } from '../../policy/balance/rendezvous.ts';
import type { HostLoad } from '../../protocol/lease.ts';
import type { Refusal } from '../refusal.ts';
import type { BackendSet } from './backend-set.ts';
import type { Backend } from './backend.ts';
import type { Cancellation } from './cancellable.ts';
import type { Claim, PendingPermit } from './claim.ts';
import { Permit } from './permit.ts';
import { refusalFor } from './waiter.ts';

/** How long a request waits for a permit of its session's backend. After that the backend counts as full. */
const HOME_WAIT_MS = 50;
/** Requests that wait so at a worker; further ones go where a permit is free. */
const MOST_WAITING = 1000;

export interface HomeWaitsOptions {
  readonly set: BackendSet;
  readonly clock: Clock;
  /** Takes a permit of a backend that has a free one. */
  readonly take: (backend: Backend, claim: Claim) => Permit;
  /** A permit of any backend, now that the session may move. */
  readonly move: (claim: Claim) => Permit | PendingPermit | Refusal;
  /** Called when a request begins to wait. */
  readonly onNeed: () => void;
}

/**
 * Requests whose session has a backend of which this worker has no free permit. Another worker may have one, so they wait
 * for a moment, and control is asked for a permit of that backend.
 */
export class HomeWaits {
  readonly #options: HomeWaitsOptions;
  readonly #waiting = new Map<Backend, Set<HomeWaiter>>();
  #size = 0;

  constructor(options: HomeWaitsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  waitingAt(backend: Backend): number {
    return this.#waiting.get(backend)?.size ?? 0;
  }

  /**
   * A place to wait, if the backend of the session is up and lacks a permit only at this worker. `cap`: its permits on the
   * host; `load`: that of the other workers, undefined without control.
   */
  wait(claim: Claim, cap: number, load: HostLoad | undefined): HomeWaiter | undefined {
    const { session, excluded, mayMove = false } = claim;
    if (session === undefined || mayMove || load === undefined || load.workers < 2) return undefined;
    if (this.#size >= MOST_WAITING) return undefined;
    const home = homeOf(this.#options.set.usable, session, excluded, ({ available }) => available);
    if (home === undefined || home === excluded || home.inFlight < home.cap || home.cap >= cap) return undefined;
    const waiter = new HomeWaiter(claim, (one) => this.#leave(home, one));
    const timer = this.#options.clock.setTimeLimit(() => this.#move(home, waiter), HOME_WAIT_MS);
    waiter.onLeave = () => timer.cancel();
    const waiting = this.#waiting.get(home) ?? new Set();
    this.#waiting.set(home, waiting.add(waiter));
    this.#size++;
    this.#options.onNeed();
    return waiter;
  }

  /** Permits have come or come back, or backends have gone. */
  serve(): void {
    if (this.#size === 0) return;
    for (const [home, waiting] of this.#waiting) {
      for (const waiter of waiting) {
        if (!home.available || home.isLeaving) this.#move(home, waiter);
        else if (home.inFlight >= home.cap) break;
        else {
          this.#leave(home, waiter);
          waiter.settle(this.#options.take(home, waiter.claim));
        }
      }
    }
  }

  #move(home: Backend, waiter: HomeWaiter): void {
    if (this.#leave(home, waiter)) waiter.follow(this.#options.move({ ...waiter.claim, mayMove: true }));
  }

  #leave(home: Backend, waiter: HomeWaiter): boolean {
    const waiting = this.#waiting.get(home);
    if (waiting?.delete(waiter) !== true) return false;
    if (waiting.size === 0) this.#waiting.delete(home);
    this.#size--;
    waiter.onLeave();
    return true;
  }
}

/** One of these requests. */
class HomeWaiter implements PendingPermit {
  readonly claim: Claim;
  readonly result: Promise<Permit | Refusal>;
  readonly settle: (result: Permit | Refusal) => void;
  onLeave: () => void = () => {};
  readonly #leave: (waiter: HomeWaiter) => boolean;
  #next: PendingPermit | undefined;

  constructor(claim: Claim, leave: (waiter: HomeWaiter) => boolean) {
    const { promise, resolve } = Promise.withResolvers<Permit | Refusal>();
    this.claim = claim;
    this.result = promise;
    this.settle = resolve;
    this.#leave = leave;
  }

  /** Goes on as what this request has got in place of its backend. */
  follow(next: Permit | PendingPermit | Refusal): void {
    if (next instanceof Permit || !('result' in next)) {
      this.settle(next);
      return;
    }
    this.#next = next;
    void next.result.then(this.settle);
  }

  cancel(reason: Cancellation): void {
    if (this.#leave(this)) this.settle(refusalFor(reason));
    else this.#next?.cancel(reason);
  }
}
