import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import type { Clock } from '../../core/clock.ts';

/** Reads the issuer's keys from its URL. */
export type FetchKeys = (url: string) => Promise<JSONWebKeySet>;

type LocalSet = ReturnType<typeof createLocalJWKSet>;
type PublicKey = Awaited<ReturnType<LocalSet>>;

export interface KeySetOptions {
  readonly url: string;
  readonly fetchKeys: FetchKeys;
  readonly clock: Pick<Clock, 'now' | 'setTimeout'>;
  readonly warn: (message: string, details: object) => void;
}

/** After this time the keys are read again in the background. */
const REFRESH_MS = 10 * 60_000;
/** No more than one read in this time, whatever key ids tokens name. */
const COOLDOWN_MS = 1000;

/** The issuer's keys have never been read. */
export class KeysUnavailable extends Error {}

/**
 * The keys of an issuer. They stay in use while the issuer cannot be reached. A token that names an unknown key has them
 * read again, so that a new key is used at once.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #set: LocalSet | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** The key of a token; rejects with jose's error if the issuer has no such key. */
  async keyFor(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<PublicKey> {
    if (this.#set === undefined) await this.#read();
    else if (this.#options.clock.now() - this.#readAt > REFRESH_MS) void this.#read();
    try {
      return await this.#present()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#read();
      return this.#present()(header, token);
    }
  }

  #present(): LocalSet {
    if (this.#set === undefined) throw new KeysUnavailable('the keys of the issuer cannot be read');
    return this.#set;
  }

  /** Shared by all that wait for it. Never rejects: the keys that are there stay. */
  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { url, fetchKeys, clock, warn } = this.#options;
    const waitMs = this.#readAt + COOLDOWN_MS - clock.now();
    if (waitMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, waitMs));
    this.#readAt = clock.now();
    try {
      this.#set = createLocalJWKSet(await fetchKeys(url));
    } catch (error) {
      warn('the keys of an issuer cannot be read; those read before stay in use', { url, err: error });
    }
  }
}
