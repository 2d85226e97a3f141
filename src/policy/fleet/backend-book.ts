import type { BackendClaim, BackendGrant } from './fleet-call.ts';
import { FORGET_MS, LEASE_MS, SHORTAGE_MS, TURN_MS } from './fleet-times.ts';

/** What the book knows of one host at one backend. */
interface Entry {
  /** Live: its lease runs. Silent: it ended, and the floor is kept. */
  stage: 'live' | 'silent';
  /** The most permits that it may hold, those of its floor included. */
  permits: number;
  /** The permits that it keeps, or may still believe that it keeps, while it is cut off. */
  floor: number;
  want: number;
  /** The cap in its configuration. */
  cap: number;
  quarantineMs: number;
  /** When the stage ends. */
  until: number;
  /** It was named as a donor, and has not called since. */
  isNamed: boolean;
}

/** Permits of a lease that has ended, whose requests may still go on. */
interface Quarantine {
  readonly permits: number;
  readonly until: number;
}

/** The most entries whose stage one call ends, so that a call at a large fleet stays short. */
const MOVED_AT_A_TIME = 10;
const DONORS = 3;

export interface Settled {
  readonly grant: BackendGrant;
  /** The hosts with the most permits, while this one wants more. */
  readonly donors: readonly string[];
}

/**
 * Who may hold how many permits of one backend, over all hosts.
 *
 * The invariant: the permits of all hosts, and those in quarantine, are at most the cap. A live host counts with what it may
 * hold, a silent one with its floor. Permits rise only out of what is free; they fall when a host says that it holds less,
 * and when a lease and the quarantine behind it have ended.
 */
export class BackendBook {
  readonly #entries = new Map<string, Entry>();
  #quarantines: Quarantine[] = [];
  #shortAt = Number.NEGATIVE_INFINITY;
  /** When a host that called had much less than its part. */
  #poorAt = Number.NEGATIVE_INFINITY;

  /** Permits of all hosts, and those in quarantine. */
  get counted(): number {
    let sum = this.quarantined;
    for (const entry of this.#entries.values()) sum += countOf(entry);
    return sum;
  }

  get hosts(): number {
    return this.#entries.size;
  }

  /** The smallest cap in the configuration of a live host; Infinity without one. */
  get cap(): number {
    let cap = Number.POSITIVE_INFINITY;
    for (const { stage, cap: told } of this.#entries.values()) if (stage === 'live') cap = Math.min(cap, told);
    return cap;
  }

  /** The permits of each host, for people. */
  list(): { host: string; stage: 'live' | 'silent'; permits: number; floor: number; want: number; until: number }[] {
    return [...this.#entries].map(([host, { stage, permits, floor, want, until }]) => ({
      host,
      stage,
      permits,
      floor,
      want,
      until,
    }));
  }

  /** Permits of leases that have ended, whose quarantine lasts. */
  get quarantined(): number {
    return this.#quarantines.reduce((all, { permits }) => all + permits, 0);
  }

  /** What all live hosts want. */
  get #wanted(): number {
    let wants = 0;
    for (const { stage, want } of this.#entries.values()) if (stage === 'live') wants += want;
    return wants;
  }

  /** Takes in what a host claims, and repeats it: nothing moves while the book learns. */
  learn(host: string, claim: BackendClaim, now: number): Settled {
    const entry = this.#takeIn(host, claim, now);
    const { permits, floor } = entry;
    return {
      grant: { backend: claim.backend, permits, floor, cap: this.cap, wanted: this.#wanted, recallTo: -1 },
      donors: [],
    };
  }

  /** Takes in what a host claims, and grants what is free of what it wants. `mayExpire`: the time is sure. */
  settle(host: string, claim: BackendClaim, now: number, mayExpire: boolean): Settled {
    if (mayExpire) this.#expire(now);
    const entry = this.#takeIn(host, claim, now);
    const cap = this.cap;
    const assigned = this.#assignFloor(entry, claim, cap);
    const { target, slack } = this.#target(host, entry, cap, now);
    const held = countOf(entry);
    entry.permits = held + Math.max(0, Math.min(target - held, cap - this.counted));
    const isShort = entry.want > entry.permits;
    const recallTo = this.#recallTo(entry, { assigned, target, slack, cap, now });
    if (isShort) this.#shortAt = now;
    if (isShort && entry.permits < target - slack) this.#poorAt = now;
    return {
      grant: { backend: claim.backend, permits: entry.permits, floor: assigned, cap, wanted: this.#wanted, recallTo },
      donors: isShort && entry.permits < target ? this.#donors(host) : [],
    };
  }

  /** Another process has taken the host's name. The permits of the former one are free after its lease and quarantine. */
  supersede(host: string, now: number): void {
    const entry = this.#entries.get(host);
    if (entry === undefined) return;
    this.#entries.delete(host);
    this.#quarantine(countOf(entry), entry.stage === 'live' ? entry : { ...entry, until: now }, now);
  }

  /** The host has stopped, and none of its requests is in flight. */
  leave(host: string): void {
    this.#entries.delete(host);
  }

  /** A person says that the host is gone: its floor is free at once, the rest when its lease and quarantine have ended. */
  forget(host: string, now: number): void {
    const entry = this.#entries.get(host);
    if (entry === undefined) return;
    this.#entries.delete(host);
    if (entry.stage === 'live') this.#quarantine(countOf(entry) - entry.floor, entry, now);
  }

  /**
   * The claim of a host is exact, because the host makes one call at a time and never uses the answer of a call that it
   * gave up. So the host holds no permit that an unused answer granted.
   */
  #takeIn(host: string, { held, want, floor, cap, quarantineMs }: BackendClaim, now: number): Entry {
    const until = now + LEASE_MS;
    const entry: Entry = { stage: 'live', permits: held, floor, want, cap, quarantineMs, until, isNamed: false };
    this.#entries.set(host, entry);
    return entry;
  }

  /** A lower floor counts once the host has claimed it. A higher floor takes permits that are free. */
  #assignFloor(entry: Entry, claim: BackendClaim, cap: number): number {
    const all = Math.floor((claim.floorShare * cap) / 1000);
    const equal = Math.floor(all / this.#entries.size);
    const wanted = equal > 0 ? equal : this.#singleFloor(entry, all);
    if (wanted <= entry.floor) return wanted;
    const held = countOf(entry);
    const room = Math.max(0, cap - this.counted);
    entry.floor = Math.min(wanted, held + room);
    return entry.floor;
  }

  /** More hosts than permits for floors: the hosts that have one keep it. */
  #singleFloor(entry: Entry, all: number): number {
    let floors = -entry.floor;
    for (const { floor } of this.#entries.values()) floors += floor;
    return floors < all ? 1 : 0;
  }

  /**
   * What the host should have at most, and how much more it may keep while others want permits. It is the host's part in
   * proportion to what all hosts want (as in Doorman), but at least an equal part if it wants that. If there are more hosts
   * than permits, they take turns.
   */
  #target(host: string, { want, floor }: Entry, cap: number, now: number): { target: number; slack: number } {
    const wants = this.#wanted;
    if (wants <= cap) return { target: Math.max(floor, want), slack: 0 };
    const live = [...this.#entries].filter(([, { stage }]) => stage === 'live');
    const equal = Math.floor(cap / live.length);
    if (equal === 0) {
      const turn = this.#isTurnOf(host, live, cap, now) ? 1 : 0;
      return { target: Math.max(floor, Math.min(want, floor + turn)), slack: 0 };
    }
    const part = Math.min(want, Math.max(equal, Math.floor((want * cap) / wants)));
    const target = Math.max(floor, part);
    // Among hosts that all want more, permits that differ by little stay where they are, unless a host has much less than its part.
    return { target, slack: Math.floor(target / 10) + 1 };
  }

  /** Whether it is the turn of a host to have a permit beyond its floor: as many hosts at a time as there are such permits. */
  #isTurnOf(host: string, live: readonly (readonly [string, Entry])[], cap: number, now: number): boolean {
    let floors = 0;
    for (const { floor } of this.#entries.values()) floors += floor;
    const rank = live
      .toSorted(([one, { cap: a }], [other, { cap: b }]) => a - b || (one < other ? -1 : 1))
      .findIndex(([id]) => id === host);
    const place = (rank - Math.floor(now / TURN_MS)) % live.length;
    return (place + live.length) % live.length < Math.max(1, cap - floors);
  }

  #recallTo(
    { permits, want }: Entry,
    {
      assigned,
      target,
      slack,
      cap,
      now,
    }: { assigned: number; target: number; slack: number; cap: number; now: number },
  ): number {
    const { counted } = this;
    if (counted > cap) return Math.max(assigned, Math.floor((permits * cap) / counted));
    if (now - this.#shortAt >= SHORTAGE_MS) return -1;
    const isSlack = want > permits && now - this.#poorAt >= SHORTAGE_MS;
    return permits > target + (isSlack ? slack : 0) ? Math.max(assigned, target) : -1;
  }

  /**
   * The hosts with the most permits beside this one. Their demand is left out, because it is as old as their last call. A host is
   * named once between two calls of its own, so that many hosts that want more at the same time name many donors.
   */
  #donors(wanting: string): string[] {
    const donors = [...this.#entries]
      .filter(
        ([host, { stage, permits, floor, isNamed }]) =>
          host !== wanting && stage === 'live' && permits > floor && !isNamed,
      )
      .toSorted(([one, { permits: a }], [other, { permits: b }]) => b - a || (one < other ? 1 : -1))
      .slice(0, DONORS);
    for (const [, entry] of donors) entry.isNamed = true;
    return donors.map(([host]) => host);
  }

  #expire(now: number): void {
    const ended = [...this.#entries]
      .filter(([, { until }]) => until <= now)
      .toSorted(([one, { until: a }], [other, { until: b }]) => a - b || (one < other ? -1 : 1))
      .slice(0, MOVED_AT_A_TIME);
    for (const [host, entry] of ended) {
      if (entry.stage === 'silent') this.#entries.delete(host);
      else this.#silence(host, entry, now);
    }
    this.#quarantines = this.#quarantines.filter(({ until }) => until > now);
  }

  #silence(host: string, entry: Entry, now: number): void {
    this.#quarantine(countOf(entry) - entry.floor, entry, now);
    if (entry.floor === 0) {
      this.#entries.delete(host);
      return;
    }
    entry.stage = 'silent';
    entry.permits = 0;
    entry.want = 0;
    entry.until += FORGET_MS - LEASE_MS;
  }

  /** Permits of an entry go on counting until its lease and its quarantine have ended. */
  #quarantine(permits: number, { until: leaseEnd, quarantineMs }: Entry, now: number): void {
    const until = leaseEnd + quarantineMs;
    if (permits > 0 && until > now) this.#quarantines.push({ permits, until });
  }
}

const countOf = ({ stage, permits, floor }: Entry): number => (stage === 'live' ? Math.max(permits, floor) : floor);
