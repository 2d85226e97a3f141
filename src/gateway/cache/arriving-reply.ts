import type { Clock } from '../../core/clock.ts';
import { joined, type ReplyHead, type Verdict } from '../../policy/cache/storing.ts';
import type { CacheClient } from './cache-client.ts';
import { type Entry, makeEntry } from './entry.ts';
import type { FetchCaller } from './fetch-caller.ts';
import type { HeaderLines } from './header-lines.ts';
import { type BufferBudget, ReplyBuffer } from './reply-buffer.ts';
import { type ReplyStore, selectSame } from './reply-store.ts';
import type { SharedCache } from './shared-cache.ts';

/** The parts of the cache that store replies. */
export interface Keeping {
  readonly clock: Clock;
  readonly store: ReplyStore;
  readonly budget: BufferBudget;
  readonly lines: HeaderLines;
  /** Undefined where hosts share no cache. */
  readonly shared?: SharedCache | undefined;
}

/** How long requests for a key whose replies cannot be shared are sent without coalescing. */
const PASS_MS = 10_000;

/** The reply of a backend to a coalesced fetch, from its head on, and as much of its body as the cache wants to keep. */
export class ArrivingReply {
  readonly head: ReplyHead;
  readonly verdict: Verdict;
  /** Monotonic milliseconds. */
  readonly arrivedAt: number;
  readonly #keeping: Keeping;
  readonly #client: CacheClient;
  readonly #fetchedAt: FetchCaller['fetchedAt'];
  readonly #slotKey: string | undefined;
  #buffer: ReplyBuffer | undefined;

  /** `client`: the client whose request has brought the reply. */
  constructor(keeping: Keeping, { client, fetchedAt }: Pick<FetchCaller, 'client' | 'fetchedAt'>, head: ReplyHead) {
    this.head = head;
    this.#fetchedAt = fetchedAt;
    this.verdict = client.judge(head);
    this.arrivedAt = keeping.clock.now();
    this.#keeping = keeping;
    this.#client = client;
    this.#slotKey = this.#learn();
    const announcedBytes = Number(joined(head.headers['content-length']) ?? 0);
    if (this.#slotKey !== undefined && announcedBytes <= client.maxEntryBytes)
      this.#buffer = new ReplyBuffer(keeping.budget, client.maxEntryBytes);
  }

  /** Whether the reply will be stored, as far as is known yet. */
  get isStoring(): boolean {
    return this.#buffer !== undefined;
  }

  /** The body so far, while it is being stored. */
  get chunks(): readonly Buffer[] {
    return this.#buffer?.chunks ?? [];
  }

  /** Whether the reply answers this request, too. */
  isFor({ x }: CacheClient): boolean {
    if (!this.verdict.share) return false;
    return !this.verdict.store || selectSame(this.verdict.vary, this.#client.x, x);
  }

  /** False if the reply has become too large to be stored. */
  push(chunk: Buffer): boolean {
    return this.#buffer?.push(chunk) !== false;
  }

  stopStoring(): void {
    this.#buffer?.clear();
    this.#buffer = undefined;
  }

  /** Stores the complete reply. */
  store(): void {
    if (this.#buffer === undefined || !this.verdict.store) return;
    this.keep(this.entryWith(this.#buffer.whole(), this.verdict.lifetime));
    this.stopStoring();
  }

  keep(entry: Entry): void {
    if (this.#slotKey === undefined) return;
    const { store, shared } = this.#keeping;
    store.keep(this.#slotKey, entry);
    if (this.verdict.store) shared?.offer(this.#client, entry, this.verdict.vary, this.#fetchedAt);
  }

  /** The head with this body, as it is stored. */
  entryWith(body: Buffer | string, lifetime: Entry['lifetime']): Entry {
    const { clock, lines } = this.#keeping;
    const { head, arrivedAt } = this;
    const arrivedAtWallMs = clock.wallNow() - (clock.now() - arrivedAt);
    return makeEntry({ key: this.#client.key, head, lifetime, body, arrivedAt, arrivedAtWallMs }, lines);
  }

  /** Learns from the head. Returns the slot in which the reply may be stored, if it may be stored. */
  #learn(): string | undefined {
    const { store, clock } = this.#keeping;
    const { key, x } = this.#client;
    if (this.verdict.store) return store.placeOf(key, this.verdict.vary, x);
    // An error does not predict the next reply.
    if (this.head.status < 500 && !this.verdict.share) store.markPass(key, clock.now() + PASS_MS);
    return undefined;
  }
}
