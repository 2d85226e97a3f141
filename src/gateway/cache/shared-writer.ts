import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { ageMs } from '../../policy/cache/freshness.ts';
import type { SharedBreaker } from '../../policy/cache/shared-breaker.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import type { CacheWrite, ValkeyCache } from '../../store/valkey/valkey-cache.ts';
import { valkeyFailure } from '../../store/valkey/valkey-unavailable.ts';
import type { Entry } from './entry.ts';
import type { SharedMetrics } from './shared-metrics.ts';
import { encodeShared, type SharedReply } from './shared-value.ts';

/** A reply to store. */
export interface SharedOffer {
  readonly entry: Entry;
  readonly vary: readonly string[];
  readonly fetchedAt: NewsPosition;
  readonly key: string;
  /** The key of the reply itself if it varies; `key` then has the names of the fields. */
  readonly variantKey: string | undefined;
}

export interface SharedWriterOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly store: Pick<ValkeyCache, 'write'>;
  readonly metrics: SharedMetrics;
  readonly breaker: SharedBreaker;
}

/** The largest body that hosts share. */
const MOST_BODY_BYTES = 256 * 1024;
/** The cost of the rest of it; in a value it takes twice as much at most. */
const MOST_HEAD_BYTES = 60 * 1024;
/** The replies that wait, those of the present write included. */
const MOST_WAITING = 256;
const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** The bytes of one write, which other commands on the connection wait for. */
const MOST_WRITE_BYTES = 1024 * 1024;
const WRITE_MS = 1000;
/** A reply that is of use for less than this is not worth a write. */
const SHORTEST_LIFE_MS = 1000;
const LONGEST_LIFE_MS = 24 * 3600 * 1000;

/** Writes replies to the shared cache, behind the requests that have fetched them. One write is in flight at a time. */
export class SharedWriter {
  readonly #options: SharedWriterOptions;
  readonly #send: () => void;
  #waiting: SharedOffer[] = [];
  #count = 0;
  #bytes = 0;
  #isWriting = false;

  constructor(options: SharedWriterOptions) {
    this.#options = options;
    this.#send = options.bugs.guard('shared-cache', () => void this.#work());
  }

  add(offer: SharedOffer): void {
    const { clock, breaker, metrics } = this.#options;
    const { entry } = offer;
    const { length } = entry.body;
    if (length > MOST_BODY_BYTES || entry.bytes - length > MOST_HEAD_BYTES) return;
    if (lifeOf(entry, clock.now()) < SHORTEST_LIFE_MS) return;
    if (breaker.isOpen || this.#count >= MOST_WAITING || this.#bytes + entry.bytes > MOST_WAITING_BYTES) {
      metrics.wrote('dropped');
      return;
    }
    this.#count++;
    this.#bytes += entry.bytes;
    this.#waiting.push(offer);
    if (this.#isWriting) return;
    this.#isWriting = true;
    setImmediate(this.#send);
  }

  async #work(): Promise<void> {
    const { bugs, clock, metrics, breaker, store } = this.#options;
    while (this.#waiting.length > 0) {
      const offers = this.#take();
      try {
        const writes = offers.flatMap((offer) => this.#writesOf(offer));
        await store.write(writes, WRITE_MS);
        metrics.wrote('stored', offers.length);
        metrics.moved(
          'written',
          writes.reduce((sum, { value }) => sum + value.length, 0),
        );
      } catch (error) {
        valkeyFailure(error, (bug) => bugs.report('shared-cache', bug));
        metrics.wrote('failed', offers.length);
        breaker.failed(clock.now());
      }
      this.#count -= offers.length;
      for (const { entry } of offers) this.#bytes -= entry.bytes;
    }
    this.#isWriting = false;
  }

  #take(): SharedOffer[] {
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#waiting) {
      if (count > 0 && bytes + entry.bytes > MOST_WRITE_BYTES) break;
      bytes += entry.bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #writesOf({ entry, vary, fetchedAt, key, variantKey }: SharedOffer): CacheWrite[] {
    const { clock } = this.#options;
    const now = clock.now();
    const lifeMs = Math.ceil(Math.max(1, lifeOf(entry, now)));
    const common = { key: entry.key.text, fetchedAt, vary };
    const reply: SharedReply = {
      ...common,
      kind: 'reply',
      writtenAt: clock.wallNow(),
      lifeMs,
      status: entry.status,
      headers: entry.headers,
      lifetime: { ...entry.lifetime, ageMs: ageMs(entry, now) },
      body: entry.body,
    };
    const written = { key: variantKey ?? key, value: encodeShared(reply), lifeMs };
    if (variantKey === undefined) return [written];
    return [written, { key, value: encodeShared({ ...common, kind: 'variants' }), lifeMs: LONGEST_LIFE_MS }];
  }
}

/** For how long it may be served, stale included. */
function lifeOf({ lifetime, arrivedAt }: Entry, now: number): number {
  const { freshMs, staleWhileRevalidateMs, staleIfErrorMs } = lifetime;
  const leftMs = freshMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs) - ageMs({ lifetime, arrivedAt }, now);
  return Math.min(leftMs, LONGEST_LIFE_MS);
}
