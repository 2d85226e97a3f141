import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import type { Clock } from '../../core/clock.ts';

/** Reads the issuer's keys from its URL. */
export type FetchKeys = (url: string) => Promise<JSONWebKeySet>;

type LocalSet = ReturnType<typeof createLocalJWKSet>;
type PublicKey = Awaited<ReturnType<LocalSet>>;

/** Where the keys of tokens come from. */
export interface KeySource {
  /** The key of a token; rejects with jose's error if there is none. */
  keyFor(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<PublicKey>;
  /** A key cannot be used. Says so once for each key set that was read. */
  unusable(error: unknown): void;
}

type Warn = (message: string, details: object) => void;

const UNUSABLE = 'a key of an issuer cannot be used, so tokens that need it are refused';

/** The keys that stand in the configuration file. */
export function fixedKeys(jwks: JSONWebKeySet, warn: Warn): KeySource {
  let isWarned = false;
  return {
    keyFor: createLocalJWKSet(jwks),
    unusable(error) {
      if (!isWarned) warn(UNUSABLE, { err: error });
      isWarned = true;
    },
  };
}

export interface KeySetOptions {
  readonly url: string;
  readonly fetchKeys: FetchKeys;
  readonly clock: Pick<Clock, 'now' | 'setTimeout'>;
  readonly warn: Warn;
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
export class KeySet implements KeySource {
  readonly #options: KeySetOptions;
  #set: LocalSet | undefined;
  #isWarned = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

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

  unusable(error: unknown): void {
    const { url, warn } = this.#options;
    if (!this.#isWarned) warn(UNUSABLE, { url, err: error });
    this.#isWarned = true;
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
      this.#isWarned = false;
    } catch (error) {
      warn('the keys of an issuer cannot be read; those read before stay in use', { url, err: error });
    }
  }
}
