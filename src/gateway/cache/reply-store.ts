import type { PurgeTarget } from '../../protocol/cache-order.ts';
import { LRUCache } from 'lru-cache';
import { selection } from '../../policy/cache/vary.ts';
import type { Exchange } from '../exchange.ts';
import { valueAt } from '../http/request-head.ts';
import { type CacheKey, ENTRY_OVERHEAD_BYTES, type Entry, staleFrom } from './entry.ts';
import { GroupIndex } from './group-index.ts';

/** A mark for a key whose replies vary: they are stored under keys of their own, with this generation. */
interface Variants {
  readonly kind: 'variants';
  readonly key: CacheKey;
  readonly names: readonly string[];
  /** Unique, so that replies which were stored under a removed mark are never found again. */
  readonly generation: number;
  readonly bytes: number;
}

/** A mark for a key whose replies cannot be shared: coalescing would only cost time. */
interface PassMark {
  readonly kind: 'pass';
  readonly key: CacheKey;
  readonly until: number;
  readonly bytes: number;
}

export type Slot = Entry | Variants | PassMark;

export function matches(key: CacheKey, { endpoint, host, target }: PurgeTarget): boolean {
  if (endpoint !== undefined && key.endpoint !== endpoint) return false;
  if (host !== undefined && key.host !== host) return false;
  return target === undefined || key.target === target;
}

/** The part of one route, in order of use. */
interface Share {
  readonly maxBytes: number;
  readonly keys: Set<string>;
  bytes: number;
}

/**
 * The stored replies of one worker. When the bytes of the worker or of a route run out, the least recently used replies
 * are removed.
 */
export class ReplyStore {
  readonly maxBytes: number;
  readonly #slots: LRUCache<string, Slot>;
  #shares: ReadonlyMap<string, Share> = new Map();
  readonly #groups = new GroupIndex();
  #generation = 0;
  #evictions = 0;

  /** `shares`: the most bytes that a route may take, by endpoint, where it has a limit of its own. */
  constructor(maxBytes: number, shares: ReadonlyMap<string, number> = new Map()) {
    this.maxBytes = maxBytes;
    this.#slots = new LRUCache<string, Slot>({
      // One byte is the smallest bound, and holds no reply.
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (slot) => slot.bytes,
      dispose: (slot, slotKey, reason) => {
        if (reason === 'evict') this.#evictions++;
        if (slot.kind === 'reply') this.#groups.remove(slotKey, slot);
        this.#account(slot, slotKey, -slot.bytes);
      },
    });
    this.useShares(shares);
  }

  /** Replaces the most bytes that a route may take; a route that holds more gives up its replies with its next one. */
  useShares(shares: ReadonlyMap<string, number>): void {
    const before = this.#shares;
    const made = new Map<string, Share>();
    for (const [endpoint, maxBytes] of shares) {
      made.set(endpoint, { keys: new Set(), bytes: 0, ...before.get(endpoint), maxBytes });
    }
    this.#shares = made;
    const uncounted = [...made.keys()].filter((endpoint) => !before.has(endpoint));
    if (uncounted.length === 0) return;
    // From the least recently used one on, which is the order in which a share evicts.
    for (const [slotKey, slot] of Array.from(this.#slots.entries()).toReversed()) {
      if (uncounted.includes(slot.key.endpoint)) this.#account(slot, slotKey, slot.bytes);
    }
  }

  get entries(): number {
    return this.#slots.size;
  }

  get bytes(): number {
    return this.#slots.calculatedSize;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** The reply that this request selects, or the mark that stands in its place. */
  find(key: CacheKey, x: Exchange): Slot | undefined {
    const slot = this.#slots.get(key.text);
    if (slot === undefined) return undefined;
    const selectedKey = slot.kind === 'variants' ? variantKey(slot, x) : key.text;
    const found = slot.kind === 'variants' ? this.#slots.get(selectedKey) : slot;
    if (found !== undefined) this.#touch(found, selectedKey);
    // The mark is touched last, because no variant is found without it.
    if (slot.kind === 'variants') this.#touch(slot, key.text);
    return found ?? slot;
  }

  /** A text that is equal for requests which select the same reply, as far as is known before the reply arrives. */
  joinKey(key: CacheKey, x: Exchange): string {
    const slot = this.#slots.peek(key.text);
    return slot?.kind === 'variants' ? variantKey(slot, x) : key.text;
  }

  /** The slot of a reply that varies by these fields; undefined if there is no room. */
  placeOf(key: CacheKey, names: readonly string[], x: Exchange): string | undefined {
    if (names.length === 0) return key.text;
    const slot = this.#slots.peek(key.text);
    if (slot?.kind === 'variants' && slot.names.join() === names.join()) return variantKey(slot, x);
    const bytes = key.text.length * 2 + ENTRY_OVERHEAD_BYTES;
    const variants = { kind: 'variants', key, names, generation: ++this.#generation, bytes } as const;
    this.#set(key.text, variants);
    return this.#slots.peek(key.text) === variants ? variantKey(variants, x) : undefined;
  }

  keep(slotKey: string, entry: Entry): void {
    this.#set(slotKey, entry);
  }

  /** A reply that is stored already may still answer other requests. */
  markPass(key: CacheKey, until: number): void {
    const slot = this.#slots.peek(key.text);
    if (slot?.kind === 'reply' || slot?.kind === 'variants') return;
    this.#set(key.text, { kind: 'pass', key, until, bytes: key.text.length * 2 + ENTRY_OVERHEAD_BYTES });
  }

  /** Removes all replies of a key. */
  forget(keyText: string): void {
    this.#slots.delete(keyText);
  }

  /** Returns the number of entries that were removed, or made stale. */
  purge(target: PurgeTarget, now: number): number {
    let purged = 0;
    for (const [slotKey, slot] of this.#slotsOf(target)) {
      if (!matches(slot.key, target)) continue;
      if (slot.kind === 'reply') purged++;
      if (target.soft !== true) this.#slots.delete(slotKey);
      else if (slot.kind === 'reply') this.#set(slotKey, staleFrom(slot, now));
    }
    return purged;
  }

  /** From the least recently used one on, because a slot that is set again becomes the last one. */
  #slotsOf({ group }: PurgeTarget): [string, Slot][] {
    if (group === undefined) return Array.from(this.#slots.entries()).toReversed();
    return this.#groups.slotKeysOf(group).flatMap((slotKey) => {
      const slot = this.#slots.peek(slotKey);
      return slot === undefined ? [] : [[slotKey, slot]];
    });
  }

  #set(slotKey: string, slot: Slot): void {
    this.#slots.set(slotKey, slot);
    if (this.#slots.peek(slotKey) !== slot) return;
    if (slot.kind === 'reply') this.#groups.add(slotKey, slot);
    this.#account(slot, slotKey, slot.bytes);
    const share = this.#shares.get(slot.key.endpoint);
    if (share === undefined) return;
    for (const oldest of share.keys) {
      if (share.bytes <= share.maxBytes) break;
      this.#slots.delete(oldest);
      this.#evictions++;
    }
  }

  #account(slot: Slot, slotKey: string, bytes: number): void {
    const share = this.#shares.get(slot.key.endpoint);
    if (share === undefined) return;
    share.bytes += bytes;
    share.keys.delete(slotKey);
    if (bytes > 0) share.keys.add(slotKey);
  }

  #touch(slot: Slot, slotKey: string): void {
    const share = this.#shares.get(slot.key.endpoint);
    if (share === undefined || !share.keys.delete(slotKey)) return;
    share.keys.add(slotKey);
  }
}

function variantKey(variants: Variants, x: Exchange): string {
  return `${variants.key.text}\n${variants.generation}\n${selectedText(variants.names, x)}`;
}

/** Whether two requests select the same reply among those that vary by these fields. */
export const selectSame = (vary: readonly string[], left: Exchange, right: Exchange): boolean =>
  vary.length === 0 || selectedText(vary, left) === selectedText(vary, right);

/** The fields of a request by which it selects a reply. */
export function selectedText(vary: readonly string[], x: Exchange): string {
  return selection(vary, x.head.names, (index) => valueAt(x.head, index));
}
