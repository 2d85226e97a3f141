/** A fetch as the list knows it. */
export interface ListedFetch {
  /** The key under which others find it; undefined for one that nobody may join. */
  readonly joinKey: string | undefined;
  /** Its place in the list. */
  slot: number;
}

/**
 * The fetches that are in flight, and by key those that may be joined.
 *
 * They lie in a list of slots, and the map holds the slots' numbers. A map or set that many pass through is rebuilt every
 * few entries, and in V8 each of its tables keeps the next one alive with all that was in it: with fetches in the map
 * itself, what one full collection had left behind kept every request alive until the next (docs/costs.md).
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

  /** The one that may be joined under this key. */
  find(joinKey: string): Fetch | undefined {
    const slot = this.#joinable.get(joinKey);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** Nobody may join it any more. */
  close({ joinKey, slot }: Fetch): void {
    if (joinKey !== undefined && this.#joinable.get(joinKey) === slot) this.#joinable.delete(joinKey);
  }

  /** It is over; its slot is another's. */
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
