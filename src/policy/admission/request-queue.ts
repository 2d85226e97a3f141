import type { Priority } from './priority.ts';

/** A place in the queue. */
export interface Place<T> {
  readonly item: T;
  /** The subject of the request; keys share the queue fairly. */
  readonly key: string;
  readonly priority: Priority;
  readonly joinedAt: number;
}

export interface QueueArrival<T> {
  readonly item: T;
  readonly key: string;
  readonly priority: Priority;
  /** It waits in a separate line of its key, whose newest request is served first. */
  readonly isImpatient?: boolean;
}

export type Admission<T> =
  | { readonly admitted: true; readonly place: Place<T>; /** Who had to make room. */ readonly evicted: T | undefined }
  | { readonly admitted: false };

/**
 * Above this part of the capacity the newest request is served first, because the oldest have waited so long that their
 * clients give up.
 */
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
 * Interactive requests go before bulk ones. Within a class the keys take turns, so that many requests of one key do not
 * delay another key. Within a key the order is first in, first out, or last in, first out while the queue is more than
 * 80 % full (adaptive LIFO, Maurer, "Fail at Scale", 2015). If there is no room, an interactive request replaces the
 * newest bulk request. Otherwise a new request replaces the newest one of the longest line, if that line is longer than
 * its own will be. Impatient requests have a line of their own, newest first: most of them wait in vain, and those that
 * are served should at least be served early.
 */
export class RequestQueue<T> {
  /** How many requests may wait. A change takes effect on new requests. */
  capacity: number;
  readonly #classes: Record<Priority, LineSet<T>> = { interactive: new LineSet(), bulk: new LineSet() };
  /** All requests in order of arrival, for the deadlines; requests that have left stay until they reach the front. */
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

  /** How many requests would be served before a new one of this class. */
  aheadOf(priority: Priority): number {
    return priority === 'interactive' ? this.#classes.interactive.depth : this.depth;
  }

  /**
   * A place, if there is room or another request can be replaced. `room`: how many requests of its class and above may
   * wait.
   */
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

  /** Gives a place up; false if it is gone already. */
  leave(place: Place<T>): boolean {
    return this.#remove(place as LivePlace<T>);
  }

  /** The next request to serve. `withBulk`: whether it may be a bulk one. */
  take(withBulk = true): Place<T> | undefined {
    const lifo = this.depth > this.capacity * LIFO_ABOVE;
    const place = this.#classes.interactive.next(lifo) ?? (withBulk ? this.#classes.bulk.next(lifo) : undefined);
    if (place !== undefined) this.#remove(place);
    return place;
  }

  /** Removes and returns this many of the newest requests: bulk ones first, then those of the longest line. */
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

  /** When the request that has waited longest joined. */
  oldestJoinedAt(): number | undefined {
    return this.#oldest()?.joinedAt;
  }

  #victim(arrival: QueueArrival<T>, full: boolean): LivePlace<T> | undefined {
    const { bulk } = this.#classes;
    // A bulk request is replaced only if room is short, because it delays no other request.
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

/** The lines of one class that are not empty, in the order of their turns. */
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

  /** The next request of the first line; that line then goes to the end. */
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
