import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { ServiceTime } from '../../policy/admission/service-time.ts';
import { type Balancer, type BalancerName, createBalancer } from '../../policy/balance/balancer.ts';
import { homeOf } from '../../policy/balance/rendezvous.ts';
import type { BackendSet } from './backend-set.ts';
import type { Backend } from './backend.ts';
import type { Claim } from './claim.ts';
import type { BulkPermits } from './bulk-permits.ts';
import { BackendLost } from './cancellable.ts';
import { DurationLimit } from './duration-limit.ts';
import { LeaseEnd } from './lease-end.ts';
import { Permit, PermitList, type PermitOwner } from './permit.ts';

/** What decides which backend gets a request. */
export type Wanted = Pick<Claim, 'routeClass' | 'excluded' | 'session'>;

export interface PermitsOptions {
  readonly owner: PermitOwner;
  readonly backends: BackendSet;
  readonly balancer: BalancerName;
  readonly serviceTime: ServiceTime;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest time of a request; undefined: that of its route. */
  readonly maxDurationMs?: number | undefined;
}

/**
 * The permits of an upstream in this worker: the list of those in use, and the balancer that chooses the backend of the
 * next one.
 */
export class Permits {
  readonly leaseEnd = new LeaseEnd();
  readonly #options: PermitsOptions;
  #balancer: Balancer;
  #balancerName: BalancerName;
  readonly #out = new PermitList();
  readonly #limit: DurationLimit | undefined;
  readonly #pick: { now: number; random: Random; routeClass: number; excluded: Backend | undefined };

  constructor(options: PermitsOptions) {
    this.#options = options;
    const { clock, maxDurationMs } = options;
    if (maxDurationMs !== undefined) this.#limit = new DurationLimit(clock, this.#out, maxDurationMs);
    this.#balancer = createBalancer(options.balancer);
    this.#balancerName = options.balancer;
    this.#pick = { now: 0, random: options.random, routeClass: 0, excluded: undefined };
  }

  /** A balancer of another name starts without a memory of its own; the loads of the backends stay known. */
  useBalancer(name: BalancerName): void {
    if (name === this.#balancerName) return;
    this.#balancerName = name;
    this.#balancer = createBalancer(name);
  }

  /** How many permits are in use. */
  get inFlight(): number {
    return this.#out.size;
  }

  /** How many permits the usable backends have. */
  get total(): number {
    let sum = 0;
    for (const backend of this.#options.backends.usable) if (backend.available) sum += backend.cap;
    return sum;
  }

  /** Whether a usable backend has a free permit at this moment. */
  isAnyFreeAt(now: number): boolean {
    this.leaseEnd.check(now);
    for (const backend of this.#options.backends.usable)
      if (backend.inFlight < backend.cap && backend.available) return true;
    return false;
  }

  /** The backend of the next permit, another than `excluded` if there is one. */
  choose({ routeClass, excluded, session }: Wanted, now = this.#options.clock.now()): Backend | undefined {
    const pick = this.#pick;
    pick.now = now;
    this.leaseEnd.check(pick.now);
    if (session !== undefined) return homeOf(this.#options.backends.usable, session, excluded);
    pick.routeClass = routeClass;
    pick.excluded = excluded;
    return this.#balancer.pick(this.#options.backends.usable, pick);
  }

  /** A permit of a backend that was just chosen. `bulk`: what a bulk request takes from, too. */
  take(backend: Backend, routeClass: number, bulk?: BulkPermits): Permit {
    const { owner, serviceTime } = this.#options;
    const { now } = this.#pick;
    const permit = new Permit(owner, backend, routeClass, now);
    bulk?.take();
    permit.bulk = bulk;
    this.#out.add(permit);
    this.#limit?.watch();
    serviceTime.started(now);
    backend.took(now);
    return permit;
  }

  /** A permit of a backend that was not chosen now. */
  takeOf(backend: Backend, routeClass: number): Permit {
    this.#pick.now = this.#options.clock.now();
    return this.take(backend, routeClass);
  }

  giveBack(permit: Permit): void {
    const { serviceTime, clock } = this.#options;
    this.#out.remove(permit);
    permit.bulk?.giveBack();
    permit.backend.gaveBack();
    serviceTime.ended(clock.now());
  }

  /** Cancels the requests at a backend that is lost whose reply has not begun. */
  cancelUnansweredAt(backend: Backend): void {
    if (backend.inFlight === 0) return;
    for (const permit of this.#out.unansweredAt(backend)) permit.user?.cancel(new BackendLost());
  }
}
