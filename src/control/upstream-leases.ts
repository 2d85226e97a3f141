import { isShared } from '../config/fleet.ts';
import type { UpstreamConfig } from '../config/model.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { AdaptiveLimit } from '../policy/admission/adaptive-limit.ts';
import type { AddressedOrder } from '../policy/permits/addressed-order.ts';
import { LeaseAllocator } from '../policy/permits/lease-allocator.ts';
import type { HostLoad } from '../protocol/lease.ts';
import { Slots } from '../policy/permits/slots.ts';
import { type ById, byId, inOrder } from '../protocol/lease-wire.ts';
import { LoadNews } from './load-news.ts';

/** The permits that a worker may hold of each backend, as the file keeps them. */
export interface NamedBound {
  readonly member: string;
  readonly bound: ById;
}

export interface UpstreamLeasesDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly sendLoad: (member: string, load: HostLoad) => void;
}

/** The permits of one host at a backend, and its floor, which stays when its lease ends. */
export interface FleetPermits {
  readonly permits: number;
  readonly floor: number;
}

/** A backend that several hosts share. */
export interface SharedBackend {
  readonly id: string;
  readonly origin: string;
  readonly cap: number;
  /** The most that the workers of this host may have in flight. */
  readonly bound: number;
  readonly inUse: number;
  readonly queued: number;
}

interface LeasedBackend extends BackendConfig {
  /** The backend has left the upstream, and workers still hold permits of it. */
  readonly hasLeft: boolean;
}

/**
 * The leases of one upstream, whose backends may change. A backend that leaves gets a cap of 0, and workers give its permits
 * back as their requests end. When the last permit is back, its position in the allocator is free for another backend.
 */
export class UpstreamLeases {
  config: UpstreamConfig;
  readonly book: LeaseAllocator;
  readonly news: LoadNews;
  readonly #slots: Slots<LeasedBackend>;
  readonly #random: Random;
  #limit: AdaptiveLimit | undefined;
  /** Caps that were set at run time; a backend that comes back gets its cap again. */
  readonly #caps = new Map<string, number>();
  #cap: number;
  /** What the fleet leaves this host of each backend that all hosts share. */
  readonly #granted = new Map<string, FleetPermits>();

  constructor(
    config: UpstreamConfig,
    saved: readonly NamedBound[],
    { clock, random, sendLoad }: UpstreamLeasesDependencies,
  ) {
    this.config = config;
    this.#cap = config.cap;
    this.#slots = new Slots([
      ...config.backends.map((backend) => ({ ...backend, hasLeft: false })),
      ...departedIn(saved, config),
    ]);
    const caps = this.#slots.items.map((backend) => (backend?.hasLeft === false ? this.#usableCap(backend) : 0));
    const bounds = saved.map(({ member, bound }) => ({ member, bound: inOrder(bound, this.ids()) }));
    this.book = new LeaseAllocator(caps, bounds);
    this.book.setFloors(this.#floors());
    this.news = new LoadNews(this.book, clock, sendLoad);
    this.#random = random;
    if (config.admission.limit === 'adaptive') this.#limit = this.#newLimit();
  }

  /** Other settings, with the backends. A cap that was set at run time holds until the configured one changes. */
  useConfig(config: UpstreamConfig, now: number): AddressedOrder[] {
    const before = this.config;
    this.config = config;
    const orders = this.useBackends(config.backends, now);
    if (config.cap !== before.cap) orders.push(...(this.setCap(undefined, config.cap, now) ?? []));
    if (config.health === undefined) for (const { id } of config.backends) this.setUp(id, true);
    if (config.admission.limit === before.admission.limit) return orders;
    if (config.admission.limit === 'adaptive') this.#limit = this.#newLimit();
    else {
      this.#limit = undefined;
      orders.push(...this.book.setLimit(Number.POSITIVE_INFINITY, now));
    }
    return orders;
  }

  #newLimit(): AdaptiveLimit {
    return new AdaptiveLimit({ least: this.#least(this.config.backends.length), random: this.#random });
  }

  /** By position, those of departed backends included. */
  ids(): (string | undefined)[] {
    return this.#slots.ids();
  }

  originAt(index: number): string | undefined {
    // The origin is not known if the backend left under a previous control.
    return this.#slots.items[index]?.origin || undefined;
  }

  useBackends(backends: readonly BackendConfig[], now: number): AddressedOrder[] {
    const orders: AddressedOrder[] = [];
    for (const [index, known] of this.#slots.items.entries()) {
      if (known === undefined || known.hasLeft || backends.some(({ id }) => id === known.id)) continue;
      this.#slots.put(index, { ...known, hasLeft: true });
      orders.push(...this.book.setCap(index, 0, now));
    }
    for (const backend of backends) orders.push(...this.#use({ ...backend, hasLeft: false }, now));
    this.#limit?.useLeast(this.#least(backends.length));
    return orders;
  }

  setUp(id: string, up: boolean): void {
    const index = this.#slots.indexOf(id);
    if (index !== undefined) this.book.setUp(index, up);
  }

  /** Undefined where there is no such backend. */
  setCap(id: string | undefined, cap: number, now: number): AddressedOrder[] | undefined {
    const present = [...this.#slots.items.entries()].flatMap(([index, one]) =>
      one !== undefined && !one.hasLeft && (id === undefined || one.id === id) ? [{ index, id: one.id }] : [],
    );
    if (id === undefined) {
      this.#cap = cap;
      this.#caps.clear();
    } else if (present.length === 0) return undefined;
    else this.#caps.set(id, cap);
    return present.flatMap(({ index }) => this.#useCap(index, now));
  }

  /** The backends that this host shares with others, as the fleet's lease needs to know them. */
  shared(): SharedBackend[] {
    if (this.config.fleet === undefined) return [];
    const backends = [...this.#slots.items.entries()].flatMap(([index, backend]) =>
      backend !== undefined && this.#isOfFleet(backend) && (!backend.hasLeft || this.book.bound(index) > 0)
        ? [{ index, backend }]
        : [],
    );
    return backends.map(({ index, backend: { id, origin, hasLeft } }) => {
      const { inUse, queued } = this.book.loadAt(index);
      const waiting = hasLeft ? 0 : Math.ceil(queued / backends.length);
      // A backend that is drained on this host has a cap of nothing here, which must not drain it on all of them.
      const cap = this.toldCap(id) || this.#cap;
      return { id, origin, cap, bound: this.book.bound(index), inUse, queued: waiting };
    });
  }

  /** Uses what the fleet leaves this host of a backend. */
  grant(id: string, granted: FleetPermits, now: number): AddressedOrder[] {
    const index = this.#slots.indexOf(id);
    const before = this.#granted.get(id);
    if (index === undefined || (before?.permits === granted.permits && before.floor === granted.floor)) return [];
    this.#granted.set(id, granted);
    const orders = this.#useCap(index, now);
    return before?.floor === granted.floor ? orders : [...orders, ...this.book.setFloors(this.#floors())];
  }

  /** Other hosts want permits of the backends that they share with this one. Every worker that is asked reports what it uses. */
  recallShared(now: number): AddressedOrder[] {
    const shared = this.#slots.items.map((backend) => (backend !== undefined && this.#isOfFleet(backend) ? 1 : 0));
    return this.book.recallUnused(shared, now);
  }

  /** The cap that was configured or ordered, whatever the fleet leaves of it. */
  toldCap(id: string): number {
    return this.#caps.get(id) ?? this.#cap;
  }

  stateOf(id: string): { cap: number; leased: number } {
    const index = this.#slots.indexOf(id);
    return index === undefined
      ? { cap: 0, leased: 0 }
      : { cap: this.book.caps[index] ?? 0, leased: this.book.bound(index) };
  }

  /** Forgets backends that have left and of which no permit is out. */
  releaseReturned(): void {
    for (const [index, one] of this.#slots.items.entries()) {
      if (one?.hasLeft === true && this.book.bound(index) === 0) this.#slots.release(index);
    }
  }

  /** Moves the limit where it is adaptive. */
  adapt(now: number): AddressedOrder[] {
    if (this.#limit === undefined) return [];
    const { ended, busyMs, queued } = this.book.takeFlow();
    const permits = this.book.caps.reduce((sum, cap) => sum + cap, 0);
    this.#limit.look({ ended, busyMs, isSaturated: queued > 0, permits }, now);
    return this.book.setLimit(this.#limit.of(permits), now);
  }

  /** By id, because the next control may have the backends in another order. */
  saved(): NamedBound[] {
    return this.book.saved().map(({ member, bound }) => ({ member, bound: byId(bound, this.ids()) }));
  }

  /** At least one permit for every backend: without any request, a backend cannot show its throughput. */
  #least(backends: number): number {
    return Math.max(this.config.admission.minLimit, backends);
  }

  #isOfFleet({ origin }: LeasedBackend): boolean {
    return this.config.fleet !== undefined && isShared(origin);
  }

  #usableCap(backend: LeasedBackend): number {
    const told = this.toldCap(backend.id);
    return this.#isOfFleet(backend) ? Math.min(told, this.#granted.get(backend.id)?.permits ?? 0) : told;
  }

  #useCap(index: number, now: number): AddressedOrder[] {
    const backend = this.#slots.items[index];
    return this.book.setCap(index, backend?.hasLeft === false ? this.#usableCap(backend) : 0, now);
  }

  #floors(): (number | undefined)[] {
    return this.#slots.items.map((backend) =>
      backend !== undefined && this.#isOfFleet(backend) ? (this.#granted.get(backend.id)?.floor ?? 0) : undefined,
    );
  }

  #use(backend: LeasedBackend, now: number): AddressedOrder[] {
    const cap = this.#usableCap(backend);
    const known = this.#slots.indexOf(backend.id);
    const index = known ?? this.#slots.vacant();
    const isNew = this.#slots.items[index]?.hasLeft !== false;
    this.#slots.put(index, backend);
    if (!isNew) return [];
    const isInBook = index < this.book.caps.length;
    const orders = isInBook ? this.book.setCap(index, cap, now) : this.book.add(cap, now);
    if (this.config.fleet !== undefined) this.book.setFloors(this.#floors());
    // Whether the backend serves is not known yet, unless it has no health checks.
    this.book.setUp(index, this.config.health === undefined);
    return orders;
  }
}

/** Backends that have left, and whose permits workers may still hold. */
function departedIn(
  saved: readonly NamedBound[],
  { backends, isAnnounced, discover }: UpstreamConfig,
): LeasedBackend[] {
  if (!isAnnounced && discover === undefined) return [];
  const held = saved.flatMap(({ bound }) => Object.keys(bound).filter((id) => (bound[id] ?? 0) > 0));
  const departed = [...new Set(held)].filter((id) => !backends.some((backend) => backend.id === id));
  return departed.map((id) => ({ id, origin: '', hasLeft: true }));
}
