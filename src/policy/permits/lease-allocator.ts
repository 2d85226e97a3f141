import type { HostLoad, LeaseRecall, LeaseReport, RecallMode } from '../../protocol/lease.ts';
import type { AddressedOrder, SavedLeases } from './addressed-order.ts';
import { dealToNeedy, dealWanted, fillUp } from './dealing.ts';
import {
  exceeds,
  isNeedy,
  type LeaseAccount,
  loadAt,
  loadOfOthers,
  mayBeAsked,
  newAccount,
  noteReport,
  takeFlow,
} from './lease-account.ts';
import { equalShares, limitedCaps, total, weightedShares } from './shares.ts';

/** After this time without any call for permits, the leases go back to equal shares. */
const LEVEL_AFTER_MS = 250;
/** If there are fewer permits than workers, the shares with a permit rotate among the workers at this interval. */
const TURN_MS = 50;

/**
 * Control's half of the leases of one upstream: who may hold how many permits of each backend.
 *
 * The invariant: for each backend, the sum of all bounds never rises above its cap. A bound rises when an order is made,
 * before it is sent; it falls only when the worker has said that it holds less, or when its process has ended and the
 * backend has dropped its connections. Only a worker that fell back to its share while control was away can bring in
 * more than control gave, and a cap that was lowered takes hold as permits come back.
 */
export class LeaseAllocator {
  readonly #configured: number[];
  #caps: number[];
  #floors: readonly (number | undefined)[] = [];
  #limit = Number.POSITIVE_INFINITY;
  readonly #up: boolean[];
  readonly #accounts = new Map<string, LeaseAccount>();
  #lastNeedAt = Number.NEGATIVE_INFINITY;

  constructor(caps: readonly number[], saved: readonly SavedLeases[] = []) {
    this.#configured = [...caps];
    this.#caps = [...caps];
    this.#up = caps.map(() => true);
    for (const { member, bound } of saved) {
      this.#accounts.set(member, {
        ...newAccount(this.#caps.length),
        state: 'away',
        bound: caps.map((_, b) => bound[b] ?? 0),
      });
    }
  }

  get caps(): readonly number[] {
    return this.#configured;
  }

  /** Requests that may be in flight at the backends that are up. */
  get usable(): number {
    return this.#atThoseUp(this.#caps);
  }

  /** The most permits of a backend that may be held at this moment. */
  bound(backend: number): number {
    let sum = 0;
    for (const account of this.#accounts.values()) sum += account.bound[backend] as number;
    return sum;
  }

  members(): { member: string; state: LeaseAccount['state']; bound: readonly number[] }[] {
    return [...this.#accounts].map(([member, { state, bound }]) => ({ member, state, bound }));
  }

  /** The load of the other workers, for this worker. */
  loadBeside(member: string): HostLoad {
    return loadOfOthers(this.#accounts, member, this.#atThoseUp(this.#configured));
  }

  /** Requests of all workers: in flight at a backend, and waiting, if it is up. */
  loadAt(backend: number): { inUse: number; queued: number } {
    return loadAt(this.#accounts.values(), backend, this.#up[backend] === true);
  }

  /** The work of all workers together since the last call. */
  takeFlow(): { ended: number; busyMs: number; queued: number } {
    return takeFlow(this.#accounts.values());
  }

  /** The state to save before the orders of the last call are sent. */
  saved(): SavedLeases[] {
    return [...this.#accounts].map(([member, { bound, fallback }]) => ({
      member,
      bound: bound.map((permits, backend) => Math.max(permits, fallback[backend] ?? 0)),
    }));
  }

  /** A worker has connected with the permits `held`: none if it is new, some if it has reconnected. */
  joined(member: string, held: readonly number[], now: number): AddressedOrder[] {
    const account = newAccount(this.#caps.length);
    account.bound = this.#caps.map((_, backend) => held[backend] ?? 0);
    this.#accounts.set(member, account);
    this.#newFallbacks();
    return [...this.#enforceCaps(now), ...this.#level(now)];
  }

  /** A worker has disconnected. It keeps its permits until it reconnects or its process is known to have ended. */
  disconnected(member: string): void {
    const account = this.#accounts.get(member);
    if (account === undefined || account.state !== 'present') return;
    account.state = 'away';
    account.queued = 0;
    account.load = { ...account.load, queued: 0, bulk: 0 };
    this.#newFallbacks();
  }

  /** The process of a worker has ended. Its permits stay out until each backend is `cleared`. */
  died(member: string): void {
    const account = this.#accounts.get(member);
    if (account === undefined) return;
    account.state = 'dead';
    account.fallback = [];
    this.#newFallbacks();
  }

  /** The backend has dropped the connections of a worker that died. */
  cleared(member: string, backend: number, now: number): AddressedOrder[] {
    const account = this.#accounts.get(member);
    if (account?.state !== 'dead') return [];
    account.bound[backend] = 0;
    if (account.bound.every((permits) => permits === 0)) this.#accounts.delete(member);
    return this.#deal(now);
  }

  /** A worker reports its permits and its waiting requests. */
  reported(member: string, report: LeaseReport, now: number): AddressedOrder[] {
    const account = this.#accounts.get(member);
    if (account?.state !== 'present') return [];
    noteReport(account, report);
    if (account.queued > 0 || account.wanted !== undefined) {
      account.queuedAt = now;
      this.#lastNeedAt = now;
    }
    const dealt = this.#deal(now);
    if (account.wanted !== undefined) dealt.push(...this.recallUnused(account.wanted, now, member));
    return account.queued > 0 ? [...dealt, ...this.#recallSpare(now, member)] : dealt;
  }

  /** One more backend, behind the others; permits of it are dealt at once. */
  add(cap: number, now: number): AddressedOrder[] {
    this.#configured.push(cap);
    this.#up.push(true);
    for (const account of this.#accounts.values()) account.bound.push(0);
    return this.#useCaps(now);
  }

  /** A higher cap takes effect at once, a lower one as permits come back. */
  setCap(backend: number, cap: number, now: number): AddressedOrder[] {
    this.#configured[backend] = cap;
    return this.#useCaps(now);
  }

  /** Requests that may be in flight at all backends together, where that is less than their caps. */
  setLimit(limit: number, now: number): AddressedOrder[] {
    if (limit === this.#limit) return [];
    this.#limit = limit;
    return this.#useCaps(now);
  }

  /** The permits of each backend that the workers keep while control is away, where these are fewer than its cap. Tells all workers. */
  setFloors(floors: readonly (number | undefined)[]): AddressedOrder[] {
    this.#floors = floors;
    this.#newFallbacks();
    return this.#present().map(([member]) => this.#grant(member));
  }

  #useCaps(now: number): AddressedOrder[] {
    this.#caps = limitedCaps(this.#configured, this.#limit);
    this.#newFallbacks();
    return [...this.#enforceCaps(now), ...this.#deal(now)];
  }

  /** Permits of a backend that is down are not dealt to workers whose requests wait, which could not use them. */
  setUp(backend: number, up: boolean): void {
    this.#up[backend] = up;
  }

  /** Called regularly: recalls permits above a cap again, and evens out the leases while no worker calls for more. */
  tick(now: number): AddressedOrder[] {
    if (now - this.#lastNeedAt < LEVEL_AFTER_MS) return [...this.#enforceCaps(now), ...this.#deal(now)];
    return [...this.#enforceCaps(now), ...this.#level(now)];
  }

  #present(): [string, LeaseAccount][] {
    return [...this.#accounts].filter(([, { state }]) => state === 'present');
  }

  /** Equal shares of all workers that may be alive, those included that are disconnected and may return. */
  #newFallbacks(): void {
    const living = [...this.#accounts.values()].filter(({ state }) => state !== 'dead');
    const kept = this.#caps.map((cap, backend) => Math.min(cap, this.#floors[backend] ?? cap));
    const shares = equalShares(kept, living.length);
    for (const [rank, account] of living.entries()) account.fallback = shares[rank] as number[];
  }

  #atThoseUp(caps: readonly number[]): number {
    return total(caps.filter((_, backend) => this.#up[backend]));
  }

  #free(backend: number): number {
    return Math.max(0, (this.#caps[backend] as number) - this.bound(backend));
  }

  /** Deals free permits to workers whose requests wait, those with the fewest first; if none wait, to workers below their share. */
  #deal(now: number): AddressedOrder[] {
    const free = this.#caps.map((_, backend) => this.#free(backend));
    if (free.every((permits) => permits === 0)) return [];
    const needy = this.#present().filter(([, account]) => isNeedy(account, now));
    const given = dealWanted(this.#present(), free, now);
    if (needy.length === 0) {
      for (const [member, account] of this.#present()) if (fillUp(account, free)) given.add(member);
    } else {
      const usable = free.map((permits, backend) => (this.#up[backend] === true ? permits : 0));
      // Among workers that hold equally few, the one that got its last permit first.
      needy.sort(([, left], [, right]) => left.dealtAt - right.dealtAt);
      for (const member of dealToNeedy(needy, usable, now)) given.add(member);
    }
    return [...given].map((member) => this.#grant(member));
  }

  #grant(member: string): AddressedOrder {
    const account = this.#accounts.get(member) as LeaseAccount;
    const number = ++account.lastNumber;
    const permits = [...account.bound];
    account.unconfirmed.push({ number, permits });
    return { member, order: { kind: 'grant', number, permits, fallback: account.fallback } };
  }

  #recall(member: string, mode: RecallMode, limits: readonly number[], now: number): AddressedOrder {
    const account = this.#accounts.get(member) as LeaseAccount;
    const number = ++account.lastNumber;
    account.recalledAt = now;
    account.recallNumber = number;
    const order: LeaseRecall = { kind: 'recall', number, mode, limits };
    return { member, order };
  }

  /** Recalls permits that the other workers do not need, on behalf of a worker whose requests wait. */
  #recallSpare(now: number, needy: string): AddressedOrder[] {
    const present = this.#present();
    // Weighted by the permits that each could use, so that requests wait about equally long in all workers.
    const weights = present.map(([, account]) => total(account.bound) + (isNeedy(account, now) ? account.queued : 0));
    const shares = weightedShares(this.#caps, weights, Math.floor(now / TURN_MS));
    const rank = present.findIndex(([member]) => member === needy);
    const bound = this.#accounts.get(needy)?.bound ?? [];
    const isPoor = total(bound) < Math.max(1, total(shares[rank] ?? []));
    const orders: AddressedOrder[] = [];
    for (const [index, [member, account]] of present.entries()) {
      if (member === needy || !mayBeAsked(account, now)) continue;
      const limits = shares[index] as number[];
      const holdsAny = account.bound.some((permits) => permits > 0);
      const hasSpare = holdsAny && !isNeedy(account, now);
      if (hasSpare || (isPoor && exceeds(account.bound, limits))) {
        orders.push(this.#recall(member, isPoor ? 'share' : 'spare', limits, now));
      }
    }
    return orders;
  }

  /** Recalls unused permits of the backends that requests wait for: of this worker (its wishes that are met are gone by now), or at other hosts. */
  recallUnused(wanted: readonly number[], now: number, wanting?: string): AddressedOrder[] {
    const only = wanted.map((count) => (count > 0 ? 1 : 0));
    if (!only.includes(1)) return [];
    return this.#present().flatMap(([member, account]) => {
      const holdsAny = account.bound.some((permits, backend) => permits > 0 && only[backend] === 1);
      if (member === wanting || !holdsAny || !mayBeAsked(account, now)) return [];
      const { order } = this.#recall(member, 'spare', account.bound, now);
      return [{ member, order: { ...order, only } as LeaseRecall }];
    });
  }

  #enforceCaps(now: number): AddressedOrder[] {
    if (this.#caps.every((cap, backend) => this.bound(backend) <= cap)) return [];
    const orders: AddressedOrder[] = [];
    for (const [member, account] of this.#present()) {
      if (exceeds(account.bound, account.fallback) && mayBeAsked(account, now)) {
        orders.push(this.#recall(member, 'limit', account.fallback, now));
      }
    }
    return orders;
  }

  #level(now: number): AddressedOrder[] {
    const present = this.#present();
    const below = present.some(([, { bound, fallback }]) => total(bound) < total(fallback));
    const orders: AddressedOrder[] = [];
    for (const [member, account] of present) {
      if (below && exceeds(account.bound, account.fallback))
        orders.push(this.#recall(member, 'level', account.fallback, now));
    }
    return [...orders, ...this.#deal(now)];
  }
}
