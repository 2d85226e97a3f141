import type { CacheOrder, Invalidation, PurgeTarget } from '../../protocol/cache-order.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';

/** A reply that other hosts may have stored. */
export interface MarkedReply {
  readonly endpoint: string;
  readonly host: string;
  readonly target: string;
  /** The text of its key: a name, and behind a line break the host, the target and the selection, as an invalidation has them. */
  readonly text: string;
  readonly groups: readonly string[];
  /** The news that the worker had carried out when it began to fetch the reply. */
  readonly fetchedAt: NewsPosition;
}

/** `outdated`: an order removes it. `staleSince`: an order has made it stale then. */
export type MarkVerdict = 'valid' | 'outdated' | { readonly staleSince: number };

interface Mark {
  /** Replies whose fetch began with less news are outdated; those below `stale` are stale since `staleSince`. */
  readonly outdated: number;
  readonly stale: number;
  readonly staleSince: number;
}

/** An order whose position is not known yet: it counts for every reply. */
interface OpenOrder {
  readonly names: readonly string[];
  readonly at: number;
  readonly hasId: boolean;
}

const MOST_MARKS = 10_000;
const MOST_OPEN = 1000;
/** An order with an id becomes news within a second, unless its control has died. */
const LONGEST_OPEN_MS = 30_000;
const unmarked: Mark = { outdated: 0, stale: 0, staleSince: 0 };

/**
 * The orders that a worker has carried out, as far as replies stored outside of it may be older. A reply is tagged with the news known when
 * its fetch began, so an order with position p outdates each matching reply whose tag is below p, however late that reply was written.
 * Memory is bounded: where the oldest mark has to go, everything that is as old as it is outdated (`floor`).
 */
export class PurgeMarks {
  #position: NewsPosition | undefined;
  #stream: string | undefined;
  #floor = 0;
  /** An open order was dropped then, so nothing is valid until the news is known up to that time. */
  #blockedAt: number | undefined;
  readonly #marks = new Map<string, Mark>();
  readonly #open = new Map<string, OpenOrder>();
  readonly #openNames = new Map<string, number>();
  #lastOpen = 0;

  /** The tag of a fetch that begins now; undefined before the first grant of trust. */
  get position(): NewsPosition | undefined {
    return this.#position;
  }

  /** Takes an order that the worker carries out. Times are those of its clock. `repeated`: it has taken the same order without its position. */
  take(order: CacheOrder, now: number): 'new' | 'repeated' {
    const { id, position } = order.news ?? {};
    const names = namesOf(order);
    const isRepeated = id !== undefined && position !== undefined && this.#close(id);
    if (position !== undefined) {
      this.#use(position.stream);
      const isSoft = 'purge' in order && order.purge.soft === true;
      for (const name of names) this.#mark(name, position.number, isSoft ? now : undefined);
      // Without a stream nothing is read, and the first position sets the floor.
    } else if (this.#stream !== undefined && names.length > 0)
      this.#add(id, { names, at: now, hasId: id !== undefined });
    return isRepeated ? 'repeated' : 'new';
  }

  /** The worker has carried out all news up to here, which control has read to its end. `askedAt`: before it has read. */
  learn(position: NewsPosition, askedAt: number): void {
    const { stream, number } = position;
    if (stream !== this.#stream) {
      this.#use(stream);
      this.#floor = number;
    }
    this.#position = position;
    for (const [id, { names, at, hasId }] of this.#open) {
      if (at + (hasId ? LONGEST_OPEN_MS : 0) > askedAt) continue;
      this.#close(id);
      // News up to this number may have been issued before the order.
      for (const name of names) this.#mark(name, number + 1, undefined);
    }
    if (this.#blockedAt === undefined || this.#blockedAt > askedAt) return;
    this.#blockedAt = undefined;
    this.#floor = Math.max(this.#floor, number + 1);
  }

  verdictOn(reply: MarkedReply): MarkVerdict {
    const { stream, number } = reply.fetchedAt;
    if (this.#blockedAt !== undefined || stream !== this.#stream || number < this.#floor) return 'outdated';
    if (this.#marks.size === 0 && this.#openNames.size === 0) return 'valid';
    let staleSince: number | undefined;
    for (const name of namesThatMatch(reply)) {
      if (this.#openNames.has(name)) return 'outdated';
      const mark = this.#marks.get(name);
      if (mark === undefined) continue;
      if (number < mark.outdated) return 'outdated';
      if (number < mark.stale) staleSince = Math.min(staleSince ?? mark.staleSince, mark.staleSince);
    }
    return staleSince === undefined ? 'valid' : { staleSince };
  }

  /** Numbers of another stream mean nothing. */
  #use(stream: string): void {
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#position = undefined;
    this.#floor = 0;
    this.#marks.clear();
  }

  #mark(name: string, number: number, softAt: number | undefined): void {
    if (name === EVERYTHING && softAt === undefined) {
      this.#floor = Math.max(this.#floor, number);
      return;
    }
    const before = this.#marks.get(name) ?? unmarked;
    this.#marks.delete(name);
    const mark =
      softAt === undefined
        ? { ...before, outdated: Math.max(before.outdated, number) }
        : { ...before, stale: Math.max(before.stale, number), staleSince: softAt };
    this.#marks.set(name, mark);
    if (this.#marks.size <= MOST_MARKS) return;
    const [oldest, { outdated, stale }] = this.#marks.entries().next().value as [string, Mark];
    this.#marks.delete(oldest);
    this.#floor = Math.max(this.#floor, outdated, stale);
  }

  #add(id: string | undefined, order: OpenOrder): void {
    const openId = id ?? `\n${++this.#lastOpen}`;
    this.#close(openId);
    this.#open.set(openId, order);
    for (const name of order.names) this.#openNames.set(name, (this.#openNames.get(name) ?? 0) + 1);
    if (this.#open.size <= MOST_OPEN) return;
    const [oldest] = this.#open.keys();
    this.#close(oldest as string);
    this.#blockedAt = order.at;
  }

  #close(id: string): boolean {
    const order = this.#open.get(id);
    if (order === undefined) return false;
    this.#open.delete(id);
    for (const name of order.names) {
      const left = (this.#openNames.get(name) ?? 1) - 1;
      if (left === 0) this.#openNames.delete(name);
      else this.#openNames.set(name, left);
    }
    return true;
  }
}

/** The name of a selection: equal orders have equal names. */
function nameOf(endpoint?: string, host?: string, target?: string, group?: string): string {
  return JSON.stringify([endpoint ?? 0, host ?? 0, target ?? 0, group ?? 0]);
}

const EVERYTHING = nameOf();

const namesOf = (order: CacheOrder): readonly string[] =>
  'purge' in order ? [purgeName(order.purge)] : namesOfInvalidation(order.invalidate);

const purgeName = ({ endpoint, host, target, group }: PurgeTarget): string => nameOf(endpoint, host, target, group);

const namesOfInvalidation = ({ host, targets, selection, groups = [] }: Invalidation): string[] => [
  ...targets.map((target) => `${host}\n${target}${selection}`),
  ...groups.map((group) => nameOf(undefined, host, undefined, group)),
];

/** The names of all orders that select this reply. */
function* namesThatMatch({ endpoint, host, target, text, groups }: MarkedReply): Generator<string> {
  yield text.slice(text.indexOf('\n') + 1);
  for (const group of [undefined, ...groups])
    for (const one of [undefined, endpoint])
      for (const other of [undefined, host])
        for (const third of [undefined, target]) yield nameOf(one, other, third, group);
}
