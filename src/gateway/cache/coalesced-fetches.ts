import type { CacheKey } from './entry.ts';
import type { Subscriber } from './subscriber.ts';

/** The part of a fetch that the list uses. */
export interface ListedFetch {
  /** The key under which other requests find it; undefined if none may join. */
  readonly joinKey: string | undefined;
  /** Its place in the list. */
  slot: number;
}

/** The part of a fetch that the cache uses. */
export interface AnyFetch extends ListedFetch {
  readonly key: CacheKey;
  /** Adds another client; false if the reply is not for it. */
  join(subscriber: Subscriber): boolean;
  /** An order outdates the reply while it arrives. */
  invalidate(): void;
  /** Cancels it if it serves no client. */
  cancelIfInBackground(): void;
}

/**
 * The fetches in flight, and by key the fetches that requests may join.
 *
 * The fetches are in a list of slots, and the map holds the slot numbers. V8 rebuilds a map or set with many insertions
 * and removals every few entries, and each old table keeps the next one reachable with all of its values. If the map
 * held the fetches themselves, one old table would keep every later request alive until the next full collection
 * (docs/costs.md).
 */
export class CoalescedFetches<Fetch extends ListedFetch> {
  readonly #slots: (Fetch | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #joinable = new Map<string, number>();

  add(fetch: Fetch): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = fetch;
    fetch.slot = slot;
    if (fetch.joinKey !== undefined) this.#joinable.set(fetch.joinKey, slot);
  }

  /** The fetch that a request with this key may join. */
  find(joinKey: string): Fetch | undefined {
    const slot = this.#joinable.get(joinKey);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** No further request may join it. */
  close({ joinKey, slot }: Fetch): void {
    if (joinKey !== undefined && this.#joinable.get(joinKey) === slot) this.#joinable.delete(joinKey);
  }

  /** The fetch has ended; its slot is free. */
  remove(fetch: Fetch): void {
    if (this.#slots[fetch.slot] !== fetch) return;
    this.close(fetch);
    this.#slots[fetch.slot] = undefined;
    this.#free.push(fetch.slot);
  }

  *[Symbol.iterator](): Iterator<Fetch> {
    for (const fetch of this.#slots) if (fetch !== undefined) yield fetch;
  }
}
