/** The events to come: a binary heap by time; events of the same time come in the order in which they were added. */
export class EventQueue<T> {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #items: T[] = [];
  #added = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The time of the next one; infinity when there is none. */
  get nextAt(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(at: number, item: T): void {
    let hole = this.#items.length;
    const order = this.#added++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if ((this.#times[parent] as number) <= at) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#set(hole, at, order, item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const at = this.#times.pop();
    const order = this.#orders.pop();
    const item = this.#items.pop();
    if (this.#items.length === 0 || at === undefined || order === undefined) return first;
    let hole = 0;
    for (let child = this.#lesserChild(0); child !== undefined; child = this.#lesserChild(hole)) {
      if (!this.#isBefore(child, at, order)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#set(hole, at, order, item as T);
    return first;
  }

  #lesserChild(parent: number): number | undefined {
    const left = 2 * parent + 1;
    const right = left + 1;
    if (left >= this.#items.length) return undefined;
    if (right >= this.#items.length) return left;
    return this.#isBefore(right, this.#times[left] as number, this.#orders[left] as number) ? right : left;
  }

  #isBefore(place: number, at: number, order: number): boolean {
    const time = this.#times[place] as number;
    return time < at || (time === at && (this.#orders[place] as number) < order);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from] as number, this.#orders[from] as number, this.#items[from] as T);
  }

  #set(place: number, at: number, order: number, item: T): void {
    this.#times[place] = at;
    this.#orders[place] = order;
    this.#items[place] = item;
  }
}
