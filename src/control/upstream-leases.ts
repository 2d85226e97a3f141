import type { UpstreamConfig } from '../config/model.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { AdaptiveLimit } from '../policy/admission/adaptive-limit.ts';
import { type AddressedOrder, LeaseAllocator } from '../policy/permits/lease-allocator.ts';
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
    const caps = this.#slots.items.map((backend) => (backend?.hasLeft === false ? config.cap : 0));
    const bounds = saved.map(({ member, bound }) => ({ member, bound: inOrder(bound, this.ids()) }));
    this.book = new LeaseAllocator(caps, bounds);
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
    return present.flatMap(({ index }) => this.book.setCap(index, cap, now));
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

  #use(backend: LeasedBackend, now: number): AddressedOrder[] {
    const cap = this.#caps.get(backend.id) ?? this.#cap;
    const known = this.#slots.indexOf(backend.id);
    const index = known ?? this.#slots.vacant();
    const isNew = this.#slots.items[index]?.hasLeft !== false;
    this.#slots.put(index, backend);
    if (!isNew) return [];
    const isInBook = index < this.book.caps.length;
    const orders = isInBook ? this.book.setCap(index, cap, now) : this.book.add(cap, now);
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
