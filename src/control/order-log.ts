import type { CacheOrder } from '../protocol/cache-order.ts';

const MAX_ORDERS = 10_000;
/** All orders together must fit into one message, with their quotes escaped. */
const MAX_CHARACTERS = 1024 * 1024;

interface Kept {
  readonly order: CacheOrder;
  readonly characters: number;
}

/** The last orders to the caches of the workers, numbered from 1. */
export class OrderLog {
  readonly #kept = new Map<number, Kept>();
  #characters = 0;
  #last = 0;

  /** The number of the last order; 0: there was none. */
  get last(): number {
    return this.#last;
  }

  /** Returns its number. */
  append(order: CacheOrder): number {
    const kept = { order, characters: JSON.stringify(order).length };
    this.#kept.set(++this.#last, kept);
    this.#characters += kept.characters;
    for (const [number, { characters }] of this.#kept) {
      if (this.#kept.size <= MAX_ORDERS && this.#characters <= MAX_CHARACTERS) break;
      this.#kept.delete(number);
      this.#characters -= characters;
    }
    return this.#last;
  }

  /** The orders after this one; undefined where some of them are no longer known. */
  since(number: number): CacheOrder[] | undefined {
    const missed = this.#last - number;
    if (missed < 0 || missed > this.#kept.size) return undefined;
    const orders: CacheOrder[] = [];
    for (let next = number + 1; next <= this.#last; next++) orders.push((this.#kept.get(next) as Kept).order);
    return orders;
  }
}
