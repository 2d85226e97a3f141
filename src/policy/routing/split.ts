import { hashOf } from '../../core/text-hash.ts';

/** One side of a split, with its part of the requests. */
export interface Side<T> {
  readonly target: T;
  /** Relative to the weights of the other sides; 0: none. */
  readonly weight: number;
}

/**
 * Divides requests between targets by weight. The same text always goes to the same side, in every worker and after a
 * restart. If the last side grows, it keeps what it had: only requests of the other sides move to it.
 */
export class Split<T> {
  readonly #sides: readonly { readonly target: T; readonly until: number }[];

  /** At least one weight must be more than 0. */
  constructor(sides: readonly Side<T>[]) {
    const total = sides.reduce((sum, { weight }) => sum + weight, 0);
    let sum = 0;
    this.#sides = sides.map(({ target, weight }) => ({ target, until: (sum += weight) / total }));
  }

  /** The side of a point between 0 and 1; 1 is not a point. */
  at(point: number): T {
    for (const { target, until } of this.#sides) if (point < until) return target;
    // Rounding may leave the last sum a little below 1.
    return (this.#sides.findLast(({ until }, index) => until > (this.#sides[index - 1]?.until ?? 0)) as { target: T })
      .target;
  }

  /** The side of a text, such as the id of a key. */
  of(text: string): T {
    return this.at(pointOf(text));
  }
}

/** A number from 0 to 1 (1 excluded) that depends on nothing but the text. */
export const pointOf = (text: string): number => hashOf(text) / 2 ** 32;
