import type { CoalescedFetch } from './coalesced-fetch.ts';

/**
 * The fetches that are under way, and by key those that may be joined.
 *
 * They lie in a list of slots, and the map holds the slots' numbers. A map or set that many pass through is rebuilt every
 * few entries, and in V8 each of its tables keeps the next one alive with all that was in it: with fetches in the map
 * itself, what one full collection had left behind kept every request alive until the next (docs/costs.md).
 */
export class CoalescedFetches {
  readonly #slots: (CoalescedFetch | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #joinable = new Map<string, number>();

  add(fetch: CoalescedFetch): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = fetch;
    fetch.slot = slot;
    if (fetch.joinKey !== undefined) this.#joinable.set(fetch.joinKey, slot);
  }

  /** The one that may be joined under this key. */
  find(joinKey: string): CoalescedFetch | undefined {
    const slot = this.#joinable.get(joinKey);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** Nobody may join it any more. */
  close({ joinKey, slot }: CoalescedFetch): void {
    if (joinKey !== undefined && this.#joinable.get(joinKey) === slot) this.#joinable.delete(joinKey);
  }

  /** It is over; its slot is another's. */
  remove(fetch: CoalescedFetch): void {
    if (this.#slots[fetch.slot] !== fetch) return;
    this.close(fetch);
    this.#slots[fetch.slot] = undefined;
    this.#free.push(fetch.slot);
  }

  *[Symbol.iterator](): Iterator<CoalescedFetch> {
    for (const fetch of this.#slots) if (fetch !== undefined) yield fetch;
  }
}
