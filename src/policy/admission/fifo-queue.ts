/** One who waits: taken in order, until its deadline. */
interface Place<T> {
  readonly item: T;
  readonly deadline: number;
  waiting: boolean;
}

/** A handle on a place in the queue; leaving twice, or after being taken, does nothing. */
export interface Ticket {
  leave(): boolean;
}

/**
 * A bounded first-in-first-out queue whose members leave at a deadline.
 * All members wait equally long, so the order of arrival is the order of the deadlines.
 */
export class FifoQueue<T> {
  readonly #capacity: number;
  readonly #timeoutMs: number;
  #places: Place<T>[] = [];
  /** Index of the first place that may still wait; what lies before it is gone. */
  #head = 0;
  #depth = 0;

  constructor(capacity: number, timeoutMs: number) {
    this.#capacity = capacity;
    this.#timeoutMs = timeoutMs;
  }

  /** How many wait. */
  get depth(): number {
    return this.#depth;
  }

  /** A place at the end, or undefined when the queue is full. */
  join(item: T, now: number): Ticket | undefined {
    if (this.#depth >= this.#capacity) return undefined;
    const place: Place<T> = { item, deadline: now + this.#timeoutMs, waiting: true };
    this.#places.push(place);
    this.#depth++;
    return { leave: () => this.#remove(place) };
  }

  /** The first whose deadline has not passed. Call `expire` first to learn who has waited too long. */
  take(now: number): T | undefined {
    for (let place = this.#first(); place !== undefined; place = this.#first()) {
      if (place.deadline <= now) return undefined;
      this.#remove(place);
      return place.item;
    }
    return undefined;
  }

  /** Removes and returns everyone whose deadline has passed. */
  expire(now: number): T[] {
    const expired: T[] = [];
    for (let place = this.#first(); place !== undefined && place.deadline <= now; place = this.#first()) {
      this.#remove(place);
      expired.push(place.item);
    }
    return expired;
  }

  /** The next deadline, or undefined when nobody waits. */
  nextDeadline(): number | undefined {
    return this.#first()?.deadline;
  }

  #first(): Place<T> | undefined {
    for (let place = this.#places[this.#head]; place !== undefined; place = this.#places[this.#head]) {
      if (place.waiting) return place;
      this.#head++;
      this.#compact();
    }
    return undefined;
  }

  #remove(place: Place<T>): boolean {
    if (!place.waiting) return false;
    place.waiting = false;
    this.#depth--;
    return true;
  }

  /** Forgets the places that are gone once they are the larger half, so that the cost is constant on average. */
  #compact(): void {
    if (this.#head < 32 || this.#head * 2 < this.#places.length) return;
    this.#places = this.#places.slice(this.#head);
    this.#head = 0;
  }
}
