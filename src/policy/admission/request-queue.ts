import type { Priority } from './priority.ts';

/** A place in the queue. */
export interface Place<T> {
  readonly item: T;
  /** Whose it is: keys share the queue fairly. */
  readonly key: string;
  readonly priority: Priority;
  readonly joinedAt: number;
}

export interface QueueArrival<T> {
  readonly item: T;
  readonly key: string;
  readonly priority: Priority;
  /** It waits in a line whose newest goes first, beside the other line of its key. */
  readonly isImpatient?: boolean;
}

export type Admission<T> =
  | { readonly admitted: true; readonly place: Place<T>; /** Who had to make room. */ readonly evicted: T | undefined }
  | { readonly admitted: false };

/** Above this part of the capacity the newest goes first: the oldest have waited so long that their clients give up. */
const LIFO_ABOVE = 0.8;

interface Line<T> {
  readonly key: string;
  readonly newestFirst: boolean;
  readonly places: LivePlace<T>[];
  waiting: number;
}

interface LivePlace<T> extends Place<T> {
  readonly line: Line<T>;
  waiting: boolean;
}

/**
 * A bounded queue in two classes, with a line for each key.
 *
 * Interactive goes before bulk. Within a class the keys take turns, so that one key's crowd costs another key nothing;
 * within a key the order is first in, first out, or last in, first out while the queue is more than 80 % full
 * (adaptive LIFO, Maurer, "Fail at Scale", 2015). Where there is no room, a newcomer takes the place of the newest
 * bulk request, if it is interactive itself, or of the newest of the longest line, if that is longer than its own will be.
 * Impatient requests have a line of their own, newest first: most of them wait in vain, and those that are served
 * should not be late as well.
 */
export class RequestQueue<T> {
  /** How many may wait; may change at any time, and takes effect on those who come. */
  capacity: number;
  readonly #classes: Record<Priority, LineSet<T>> = { interactive: new LineSet(), bulk: new LineSet() };
  /** Everybody in order of arrival, for the deadlines; those that have gone stay until they come to the front. */
  #arrivals: LivePlace<T>[] = [];
  #front = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get depth(): number {
    return this.#classes.interactive.depth + this.#classes.bulk.depth;
  }

  depthOf(priority: Priority): number {
    return this.#classes[priority].depth;
  }

  /** How many would be served before a newcomer of this class. */
  aheadOf(priority: Priority): number {
    return priority === 'interactive' ? this.#classes.interactive.depth : this.depth;
  }

  /** A place, if there is room or somebody to make it. `room`: how many of its class and above may wait. */
  join(arrival: QueueArrival<T>, now: number, room: number): Admission<T> {
    const full = this.depth >= this.capacity;
    let evicted: LivePlace<T> | undefined;
    if (full || this.aheadOf(arrival.priority) >= room) {
      evicted = this.#victim(arrival, full);
      if (evicted === undefined) return { admitted: false };
      this.#remove(evicted);
    }
    const place = this.#classes[arrival.priority].add(arrival, now);
    this.#arrivals.push(place);
    return { admitted: true, place, evicted: evicted?.item };
  }

  /** Gives a place up; false when it is gone already. */
  leave(place: Place<T>): boolean {
    return this.#remove(place as LivePlace<T>);
  }

  /** The next to be served. */
  take(): Place<T> | undefined {
    const lifo = this.depth > this.capacity * LIFO_ABOVE;
    const place = this.#classes.interactive.next(lifo) ?? this.#classes.bulk.next(lifo);
    if (place !== undefined) this.#remove(place);
    return place;
  }

  /** Removes and returns so many of the newest: bulk first, then of the longest line. */
  shed(count: number): T[] {
    const shed: T[] = [];
    while (shed.length < count) {
      const longest = this.#classes.bulk.longest() ?? this.#classes.interactive.longest();
      const place = longest?.places.at(-1);
      if (place === undefined) break;
      this.#remove(place);
      shed.push(place.item);
    }
    return shed;
  }

  /** Removes and returns those that joined at `before` or earlier. */
  expire(before: number): T[] {
    const expired: T[] = [];
    for (let place = this.#oldest(); place !== undefined && place.joinedAt <= before; place = this.#oldest()) {
      this.#remove(place);
      expired.push(place.item);
    }
    return expired;
  }

  /** When the one that waits longest joined. */
  oldestJoinedAt(): number | undefined {
    return this.#oldest()?.joinedAt;
  }

  #victim(arrival: QueueArrival<T>, full: boolean): LivePlace<T> | undefined {
    const { bulk } = this.#classes;
    // Bulk makes room only where room is what is short: it does not delay anybody.
    if (arrival.priority === 'interactive' && full && bulk.depth > 0) return bulk.longest()?.places.at(-1);
    const own = this.#classes[arrival.priority];
    const longest = own.longest();
    if (longest === undefined || longest.waiting <= own.lengthOf(arrival.key) + 1) return undefined;
    return longest.places.at(-1);
  }

  #oldest(): LivePlace<T> | undefined {
    while (this.#front < this.#arrivals.length) {
      const place = this.#arrivals[this.#front] as LivePlace<T>;
      if (place.waiting) return place;
      this.#front++;
    }
    this.#arrivals = [];
    this.#front = 0;
    return undefined;
  }

  #remove(place: LivePlace<T>): boolean {
    if (!place.waiting) return false;
    place.waiting = false;
    this.#classes[place.priority].remove(place);
    // Forgets the places that are gone once they are the larger half, so that the cost is constant on average.
    if (this.#arrivals.length > 64 && this.#arrivals.length > 2 * this.depth) {
      this.#arrivals = this.#arrivals.filter(({ waiting }) => waiting);
      this.#front = 0;
    }
    return true;
  }
}

/** The lines of one class: those with somebody in them, in the order of their turns. */
class LineSet<T> {
  readonly #byKey = new Map<string, Line<T>>();
  depth = 0;

  add({ item, key: owner, priority, isImpatient = false }: QueueArrival<T>, joinedAt: number): LivePlace<T> {
    const key = isImpatient ? `${owner}\0impatient` : owner;
    let line = this.#byKey.get(key);
    if (line === undefined) {
      line = { key, newestFirst: isImpatient, places: [], waiting: 0 };
      this.#byKey.set(key, line);
    }
    const place: LivePlace<T> = { item, key, priority, joinedAt, line, waiting: true };
    line.places.push(place);
    line.waiting++;
    this.depth++;
    return place;
  }

  /** The next of the line whose turn it is; that line then goes to the end. */
  next(lifo: boolean): LivePlace<T> | undefined {
    const line = this.#byKey.values().next().value;
    if (line === undefined) return undefined;
    if (this.#byKey.size > 1) {
      this.#byKey.delete(line.key);
      this.#byKey.set(line.key, line);
    }
    return lifo || line.newestFirst ? line.places.at(-1) : line.places[0];
  }

  longest(): Line<T> | undefined {
    let longest: Line<T> | undefined;
    for (const line of this.#byKey.values())
      if (longest === undefined || line.waiting > longest.waiting) longest = line;
    return longest;
  }

  lengthOf(key: string): number {
    return this.#byKey.get(key)?.waiting ?? 0;
  }

  remove(place: LivePlace<T>): void {
    const { line } = place;
    this.depth--;
    line.waiting--;
    if (line.waiting === 0) {
      this.#byKey.delete(line.key);
      return;
    }
    if (line.places[0] === place) line.places.shift();
    else if (line.places.at(-1) === place) line.places.pop();
    else line.places.splice(line.places.indexOf(place), 1);
  }
}
