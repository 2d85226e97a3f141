import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';

export interface CachedImage {
  readonly contentType: string;
  readonly bytes: Buffer;
}

interface Entry extends CachedImage {
  readonly storedAt: number;
}

/** What an entry costs beyond its bytes and its key. */
const ENTRY_OVERHEAD_BYTES = 256;

/** Rendered images of this worker by canonical request, bounded in bytes; an image never changes, so it is fresh for its time to live. */
export class ImageCache {
  readonly ttlSeconds: number;
  readonly #clock: Clock;
  readonly #entries: LRUCache<string, Entry> | undefined;

  constructor(limits: { maxBytes: number; ttlSeconds: number }, clock: Clock) {
    this.ttlSeconds = limits.ttlSeconds;
    this.#clock = clock;
    if (limits.maxBytes <= 0 || limits.ttlSeconds <= 0) return;
    this.#entries = new LRUCache({
      maxSize: limits.maxBytes,
      sizeCalculation: (entry, key) => entry.bytes.length + key.length * 2 + ENTRY_OVERHEAD_BYTES,
    });
  }

  get isOn(): boolean {
    return this.#entries !== undefined;
  }

  /** The image and its age in whole seconds, while it is fresh. */
  find(key: string): { image: CachedImage; ageSeconds: number } | undefined {
    const entry = this.#entries?.get(key);
    if (entry === undefined) return undefined;
    const ageMs = this.#clock.now() - entry.storedAt;
    if (ageMs < this.ttlSeconds * 1000) return { image: entry, ageSeconds: Math.floor(ageMs / 1000) };
    this.#entries?.delete(key);
    return undefined;
  }

  keep(key: string, image: CachedImage): void {
    this.#entries?.set(key, { ...image, storedAt: this.#clock.now() });
  }
}
