import type { BackendGrant } from './fleet-call.ts';
import { SURE_AFTER_MS } from './fleet-times.ts';

export interface SavedPermits {
  readonly ceiling: number;
  readonly floor: number;
  readonly sureFloor: number;
}

export interface Use {
  readonly bound: number;
  readonly inUse: number;
  readonly queued: number;
}

/** Permits that are not used for this long go back without being asked for. */
const IDLE_MS = 250;
/** A host keeps this part of its use in addition, because the next request would otherwise wait for an answer. */
const MARGIN = 0.1;

/**
 * The permits that one host keeps of one backend. The host may use fewer before it tells the book, and until then it may
 * use them again.
 */
export class KeptPermits {
  /** The permits that the book has counted for this host since the last claim. */
  #ceiling: number;
  /** The permits of these that the host uses. */
  #kept: number;
  /** The floor that the book has assigned. */
  #floor: number;
  /** The part of it that the host may use: a failover can no longer lose its assignment. */
  #sureFloor: number;
  #risenAt = Number.NEGATIVE_INFINITY;
  #recallTo = -1;
  /** The permits that the host claimed last. */
  #toldBound = 0;
  /** The most requests in flight since then. */
  #peak = 0;
  #busyAt = Number.NEGATIVE_INFINITY;

  constructor(saved?: SavedPermits, firstFloor = 0) {
    this.#ceiling = saved?.ceiling ?? 0;
    this.#kept = this.#ceiling;
    this.#floor = saved?.floor ?? firstFloor;
    this.#sureFloor = saved?.sureFloor ?? firstFloor;
  }

  get permits(): number {
    return this.#kept;
  }

  get floor(): number {
    return this.#sureFloor;
  }

  saved(): SavedPermits {
    return { ceiling: this.#ceiling, floor: this.#floor, sureFloor: this.#sureFloor };
  }

  /**
   * What the host holds at the moment of a call. From now on the book may count no more than this. Permits that were not
   * used since the last call go back, but for a margin.
   */
  claim({ bound, inUse, queued }: Use, isOver: boolean): { held: number; floor: number } {
    const peak = Math.max(this.#peak, inUse);
    if (isOver) this.#kept = Math.min(this.#kept, this.#sureFloor);
    else if (queued === 0) this.#kept = Math.min(this.#kept, Math.max(this.#floor, withMargin(peak)));
    this.#peak = inUse;
    this.#ceiling = this.#kept;
    this.#toldBound = Math.max(this.#kept, bound);
    return { held: this.#toldBound, floor: this.#floor };
  }

  granted({ permits, floor, recallTo }: BackendGrant, now: number): void {
    this.#ceiling = permits;
    this.#kept = permits;
    this.#toldBound = permits;
    this.#recallTo = recallTo;
    this.#useFloor(floor, now);
    if (recallTo >= 0) this.#kept = Math.min(this.#kept, Math.max(recallTo, floor));
  }

  /** A lower floor is used at once. A higher one is used when the book repeats it after a failover can no longer lose it. */
  #useFloor(floor: number, now: number): void {
    if (floor > this.#floor) this.#risenAt = now;
    this.#floor = floor;
    if (floor < this.#sureFloor || now - this.#risenAt >= SURE_AFTER_MS) this.#sureFloor = floor;
  }

  /** Another process has the host's name. */
  drop(): void {
    this.#ceiling = 0;
    this.#kept = 0;
    this.#floor = 0;
    this.#sureFloor = 0;
  }

  /**
   * Lowers what is kept if others need it or if nothing was used for a while, and raises it again if requests wait; true if
   * the book should hear of it now. `isHinted`: another host needs permits.
   */
  look({ bound, inUse, queued }: Use, now: number, isHinted: boolean): boolean {
    this.#peak = Math.max(this.#peak, inUse);
    if (inUse > 0 || queued > 0) this.#busyAt = now;
    const isIdle = now - this.#busyAt >= IDLE_MS;
    const most = this.#recallTo >= 0 ? Math.min(this.#ceiling, Math.max(this.#recallTo, this.#floor)) : this.#ceiling;
    if (queued > 0) this.#kept = most;
    else if (isIdle || isHinted) this.#kept = Math.min(most, Math.max(this.#floor, inUse));
    else this.#kept = Math.min(most, this.#kept);
    const held = Math.max(this.#kept, bound);
    return held < this.#toldBound && (isIdle || isHinted || this.#recallTo >= 0);
  }
}

const withMargin = (permits: number): number => (permits === 0 ? 0 : Math.ceil(permits * (1 + MARGIN)) + 1);
