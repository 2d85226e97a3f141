import type { Flight } from './flight.ts';

/**
 * The flights that are under way, and by key those that may be joined.
 *
 * They lie in a list of slots, and the map holds the slots' numbers. A map or set that many pass through is rebuilt every
 * few entries, and in V8 each of its tables keeps the next one alive with all that was in it: with flights in the map
 * itself, what one full collection had left behind kept every request alive until the next (docs/costs.md).
 */
export class Flights {
  readonly #slots: (Flight | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #joinable = new Map<string, number>();

  add(flight: Flight): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = flight;
    flight.slot = slot;
    if (flight.joinKey !== undefined) this.#joinable.set(flight.joinKey, slot);
  }

  /** The one that may be joined under this key. */
  find(joinKey: string): Flight | undefined {
    const slot = this.#joinable.get(joinKey);
    return slot === undefined ? undefined : this.#slots[slot];
  }

  /** Nobody may join it any more. */
  close({ joinKey, slot }: Flight): void {
    if (joinKey !== undefined && this.#joinable.get(joinKey) === slot) this.#joinable.delete(joinKey);
  }

  /** It is over; its slot is another's. */
  remove(flight: Flight): void {
    if (this.#slots[flight.slot] !== flight) return;
    this.close(flight);
    this.#slots[flight.slot] = undefined;
    this.#free.push(flight.slot);
  }

  *[Symbol.iterator](): Iterator<Flight> {
    for (const flight of this.#slots) if (flight !== undefined) yield flight;
  }
}
