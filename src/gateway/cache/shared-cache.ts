import { hash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Registry } from '../../metrics/instruments.ts';
import { PurgeMarks } from '../../policy/cache/purge-marks.ts';
import { SharedBreaker } from '../../policy/cache/shared-breaker.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import type { ValkeyCache } from '../../store/valkey/valkey-cache.ts';
import { valkeyFailure } from '../../store/valkey/valkey-unavailable.ts';
import type { StoredTrust } from '../stored-trust.ts';
import type { CacheClient } from './cache-client.ts';
import { type CacheKey, type Entry, headOf, makeEntry, staleFrom } from './entry.ts';
import { HeaderLines } from './header-lines.ts';
import { selectedText } from './reply-store.ts';
import { type LookUpResult, SharedMetrics } from './shared-metrics.ts';
import { canBeShared, decodeShared, SHARED_FORMAT, type SharedReply, type SharedVariants } from './shared-value.ts';
import { type SharedOffer, SharedWriter } from './shared-writer.ts';

export interface SharedCacheOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly registry: Registry;
  readonly store: ValkeyCache;
  readonly trust: StoredTrust;
}

/** The result of a look-up. `vary`: the fields by which the replies of the key are found, as far as is known. */
export interface SharedFound {
  readonly entry: Entry | undefined;
  readonly vary: readonly string[];
}

/** Look-ups of a worker at a time; further requests go on at once. */
const MOST_READS = 256;
const nothing: SharedFound = { entry: undefined, vary: [] };

/**
 * The cache that all hosts of a fleet share (ADR 148), behind the one of the worker. It never fails: a request that gets no answer in time goes
 * on to a backend. A reply that is older than an order of this worker is not used.
 */
export class SharedCache {
  readonly marks = new PurgeMarks();
  readonly #options: SharedCacheOptions;
  readonly #metrics: SharedMetrics;
  readonly #breaker = new SharedBreaker();
  readonly #writer: SharedWriter;
  readonly #lines = new HeaderLines();
  #reads = 0;

  constructor(options: SharedCacheOptions) {
    this.#options = options;
    this.#metrics = new SharedMetrics(options.registry, () => this.#breaker.isOpen);
    this.#writer = new SharedWriter({ ...options, metrics: this.#metrics, breaker: this.#breaker });
  }

  /** Whether a request may be answered from here: its route takes part, and the worker hears of purges. */
  serves({ sharedScope }: CacheClient): boolean {
    return sharedScope !== undefined && this.marks.position !== undefined && this.#isTrusted;
  }

  /** Looks for the reply that a request selects. Never rejects. */
  async find(client: CacheClient): Promise<SharedFound> {
    const { clock, bugs } = this.#options;
    const stream = this.marks.position?.stream;
    if (stream === undefined || this.#reads >= MOST_READS || !this.#breaker.allows(clock.now())) {
      this.#metrics.lookedUp('skipped');
      return nothing;
    }
    this.#reads++;
    try {
      const found = await this.#read(client, stream);
      this.#breaker.succeeded();
      return found;
    } catch (error) {
      const { reason } = valkeyFailure(error, (bug) => bugs.report('shared-cache', bug));
      this.#breaker.failed(clock.now());
      this.#metrics.lookedUp(reason === 'timeout' ? 'timeout' : 'error');
      return nothing;
    } finally {
      this.#reads--;
    }
  }

  /** Stores a reply some time later, if there is room. */
  offer(client: CacheClient, entry: Entry, vary: readonly string[], fetchedAt: NewsPosition | undefined): void {
    const { sharedScope } = client;
    if (fetchedAt === undefined || sharedScope === undefined || !canBeShared(vary)) return;
    const { stream } = fetchedAt;
    const base = baseKey(stream, sharedScope, client.key);
    const offer: SharedOffer = { entry, vary, fetchedAt, key: base, variantKey: undefined };
    if (vary.length === 0) this.#writer.add(offer);
    else this.#writer.add({ ...offer, variantKey: variantOf(base, vary, client) });
  }

  close(): void {
    this.#options.store.close();
  }

  get #isTrusted(): boolean {
    const { clock, trust } = this.#options;
    return clock.now() < trust.until;
  }

  async #read(client: CacheClient, stream: string): Promise<SharedFound> {
    const { key, sharedScope = '' } = client;
    const base = baseKey(stream, sharedScope, key);
    const { clock, store } = this.#options;
    const until = clock.now() + store.lookUpMs;
    let found = await this.#value(base, key, store.lookUpMs);
    let vary: readonly string[] = [];
    if (found?.value.kind === 'variants') {
      ({ vary } = found.value);
      found = await this.#value(variantOf(base, vary, client), key, Math.max(1, until - clock.now()));
    }
    if (found === undefined) return { entry: undefined, vary };
    const { value, leftMs } = found;
    if (value.kind !== 'reply' || value.vary.join() !== vary.join()) return this.#missed('miss', vary);
    const entry = this.#entryOf(value, leftMs, key);
    const { body } = entry;
    if (body.length > client.maxEntryBytes) return this.#missed('miss', vary);
    // Checked now and not before the look-up, because orders may have come meanwhile.
    const { endpoint, host, target, text } = key;
    const { groups } = entry;
    const verdict = this.marks.verdictOn({ endpoint, host, target, text, groups, fetchedAt: value.fetchedAt });
    if (verdict === 'outdated' || !this.#isTrusted) return this.#missed('outdated', vary);
    this.#metrics.lookedUp('hit');
    return { entry: verdict === 'valid' ? entry : staleFrom(entry, verdict.staleSince), vary };
  }

  /** Counts why there is none. */
  async #value(
    at: string,
    key: CacheKey,
    limitMs: number,
  ): Promise<{ value: SharedReply | SharedVariants; leftMs: number } | undefined> {
    const { store } = this.#options;
    const read = await store.read(at, limitMs);
    if (read === undefined) {
      this.#metrics.lookedUp('miss');
      return undefined;
    }
    this.#metrics.moved('read', read.value.length);
    const value = decodeShared(read.value);
    if (value !== undefined && value.key === key.text) return { value, leftMs: read.leftMs };
    this.#metrics.lookedUp('corrupt');
    await store.remove(at);
    return undefined;
  }

  #missed(result: LookUpResult, vary: readonly string[]): SharedFound {
    this.#metrics.lookedUp(result);
    return { entry: undefined, vary };
  }

  /** The time in the shared cache adds to the age of a reply (RFC 9111 §4.2.3). */
  #entryOf(value: SharedReply, leftMs: number, key: CacheKey): Entry {
    const { clock } = this.#options;
    const { writtenAt, lifeMs, lifetime, body } = value;
    const elapsedMs = Math.max(0, lifeMs - leftMs, clock.wallNow() - writtenAt);
    const arrivedAt = clock.now() - elapsedMs;
    return makeEntry({ key, head: headOf(value), lifetime, body, arrivedAt, arrivedAtWallMs: writtenAt }, this.#lines);
  }
}

/** Two fleets, two versions of a route and two formats never have one key. */
const baseKey = (stream: string, scope: string, key: CacheKey): string =>
  `rampart:cache:${SHARED_FORMAT}:${hash('sha256', `${stream}\n${scope}\n${key.text}`, 'base64url')}`;

const variantOf = (base: string, vary: readonly string[], { x }: CacheClient): string =>
  `${base}:${hash('sha256', `${vary.join()}\n${selectedText(vary, x)}`, 'base64url')}`;
