import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';
import type { KeyIdentity } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import type { StoredTrust } from '../stored-trust.ts';

/** Looks up keys that the cache does not know, by the SHA-256 of their text. */
export type FindKey = (hash: Uint8Array) => Promise<KeyIdentity | undefined>;

interface Entry {
  readonly key: KeyIdentity | undefined;
  readonly checkedAt: number;
}

/**
 * After this time a key is checked again in the background, and is accepted meanwhile; control reports a revocation at
 * once.
 */
const FRESH_MS = 30_000;
/** How long an invalid key is remembered. Short, because the key may be created a moment later. */
const FRESH_UNKNOWN_MS = 2_000;
/** While PostgreSQL is unavailable, a key that was valid is accepted for this long. */
const STALE_MS = 60 * 60_000;
/** Look-ups in flight: a flood of guesses must not use up the database connections. */
const MAX_LOOKUPS = 16;
/** In a fleet whose news of revoked keys does not come, a key is checked again after this time, and the request waits. */
const UNHEARD_MS = 1000;
const CAPACITY = 10_000;
const keyPattern = /^rk_[A-Za-z0-9_-]{16,86}$/;

const unauthenticated = (detail: string, { isGuess = false } = {}): Refusal =>
  new Refusal('unauthenticated', detail, { headers: ['www-authenticate', 'Bearer realm="rampart"'], isGuess });
const unknownKey = unauthenticated('the key is not known, or has been revoked', { isGuess: true });
const expiredKey = new Refusal('key-expired', 'the key has expired, or was replaced by a rotation', {
  headers: ['www-authenticate', 'Bearer realm="rampart", error="invalid_token", error_description="expired"'],
});
const noKey = unauthenticated('a key is needed: Authorization: Bearer rk_… or x-api-key: rk_…');
const unavailable = new Refusal(
  'store-unavailable',
  'the key cannot be checked, because the database does not answer',
  {
    retryAfterSeconds: 1,
  },
);
const busy = new Refusal('overloaded', 'too many unknown keys are being checked', { retryAfterSeconds: 1 });

/**
 * Finds the owner of a key. The cache is keyed by the hash, so that the time of a comparison reveals nothing about a
 * key, and so that no key text is kept.
 */
export class KeyCache {
  readonly #ownerOf: FindKey;
  readonly #clock: Clock;
  readonly #trust: StoredTrust;
  /** Kept apart, so that guesses evict no valid key. */
  readonly #valid = new LRUCache<string, Entry>({ max: CAPACITY });
  readonly #unknown = new LRUCache<string, Entry>({ max: CAPACITY });
  readonly #lookups = new Map<string, Promise<KeyIdentity | Refusal>>();
  /** Look-ups in flight of texts that may be no keys. */
  #guesses = 0;
  /** Counts the clearings: the result of a look-up that began before a clearing must not be stored after it. */
  #generation = 0;

  constructor(find: FindKey, clock: Clock, trust: StoredTrust) {
    this.#ownerOf = find;
    this.#trust = trust;
    this.#clock = clock;
  }

  /**
   * The owner of the presented key: at once if the cache knows it, else after a look-up. `mayLookUp` is called before
   * the database is asked about a text that may be no key.
   */
  identify(
    authorization: string | undefined,
    apiKey: string | undefined,
    mayLookUp?: () => Refusal | undefined,
  ): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const found = this.#find(authorization, apiKey, mayLookUp);
    return found instanceof Promise ? found.then((one) => this.#inTime(one)) : this.#inTime(found);
  }

  /** No age of a cached key makes up for its end, not even while PostgreSQL is unavailable. */
  #inTime(found: KeyIdentity | Refusal): KeyIdentity | Refusal {
    if (found instanceof Refusal || found.expiresAtMs === undefined) return found;
    return found.expiresAtMs <= this.#clock.wallNow() ? expiredKey : found;
  }

  #find(
    authorization: string | undefined,
    apiKey: string | undefined,
    mayLookUp: (() => Refusal | undefined) | undefined,
  ): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const text = apiKey ?? bearer(authorization);
    if (text === undefined) return noKey;
    if (!keyPattern.test(text)) return unknownKey;
    const digest = hash('sha256', text, 'base64');
    const entry = this.#valid.get(digest) ?? this.#unknown.get(digest);
    if (entry !== undefined) {
      const now = this.#clock.now();
      const isTrusted = now < this.#trust.until;
      const freshMs = entry.key === undefined ? FRESH_UNKNOWN_MS : isTrusted ? FRESH_MS : UNHEARD_MS;
      if (now - entry.checkedAt < freshMs) return entry.key ?? unknownKey;
      const stale = this.#stillValid(entry);
      if (stale !== undefined && isTrusted) {
        // No request waits for this second check, so a database that hangs delays none of them.
        void this.#lookUp(digest, entry);
        return stale;
      }
    }
    if (entry?.key === undefined) {
      const refusal = mayLookUp?.();
      if (refusal !== undefined) return refusal;
    }
    return this.#lookUp(digest, entry);
  }

  /** Forgets all keys, because keys have changed. */
  clear(): void {
    this.#generation++;
    this.#valid.clear();
    this.#unknown.clear();
    this.#lookups.clear();
  }

  #lookUp(digest: string, entry: Entry | undefined): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const running = this.#lookups.get(digest);
    if (running !== undefined) return running;
    const isGuess = entry?.key === undefined;
    if (isGuess && this.#guesses >= MAX_LOOKUPS) return busy;
    if (isGuess) this.#guesses++;
    const lookup = this.#ask(digest, entry).finally(() => {
      if (isGuess) this.#guesses--;
      if (this.#lookups.get(digest) === lookup) this.#lookups.delete(digest);
    });
    this.#lookups.set(digest, lookup);
    return lookup;
  }

  async #ask(digest: string, entry: Entry | undefined): Promise<KeyIdentity | Refusal> {
    const generation = this.#generation;
    try {
      const key = await this.#ownerOf(Buffer.from(digest, 'base64'));
      if (generation === this.#generation) this.#keep(digest, key);
      return key ?? unknownKey;
    } catch {
      // The store has logged the reason. A key that was valid a while ago is still accepted, so that generation
      // continues without PostgreSQL.
      return this.#stillValid(entry) ?? unavailable;
    }
  }

  #keep(digest: string, key: KeyIdentity | undefined): void {
    this.#valid.delete(digest);
    this.#unknown.delete(digest);
    (key === undefined ? this.#unknown : this.#valid).set(digest, { key, checkedAt: this.#clock.now() });
  }

  #stillValid(entry: Entry | undefined): KeyIdentity | undefined {
    return entry !== undefined && this.#clock.now() - entry.checkedAt < STALE_MS ? entry.key : undefined;
  }
}

function bearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > 200) return undefined;
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}
