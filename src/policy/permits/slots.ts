/**
 * Gives each id a position that it keeps, so that arrays of counts can grow and shrink while messages about them are
 * under way. A position is used again only after it was released.
 */
export class Slots<Item extends { readonly id: string }> {
  readonly #items: (Item | undefined)[] = [];

  constructor(items: readonly Item[] = []) {
    this.#items.push(...items);
  }

  /** By position; undefined where one is vacant. */
  get items(): readonly (Item | undefined)[] {
    return this.#items;
  }

  ids(): (string | undefined)[] {
    return this.#items.map((item) => item?.id);
  }

  /** The position of an id. */
  indexOf(id: string): number | undefined {
    const index = this.#items.findIndex((item) => item?.id === id);
    return index < 0 ? undefined : index;
  }

  /** A position for one more item. */
  vacant(): number {
    const index = this.#items.indexOf(undefined);
    return index < 0 ? this.#items.length : index;
  }

  put(index: number, item: Item): void {
    this.#items[index] = item;
  }

  release(index: number): void {
    this.#items[index] = undefined;
  }
}
