import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { BasicAuthConfig } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import { hasPassword } from '../../core/password-hash.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import { AdmissionBusy, FairAdmission } from '../limits/fair-admission.ts';
import { Refusal } from '../refusal.ts';
import { type Authenticator, challenge } from './authenticator.ts';

/** Checks in progress at a time. Each takes 16 MiB and a thread for about 50 ms, so a flood of guesses must wait. */
const MOST_CHECKS = 2;
const CAPACITY = 1000;

const busy = new Refusal('overloaded', 'too many passwords are being checked', { retryAfterSeconds: 1 });

export interface BasicDependencies {
  /** Why an address may not try another password; undefined if it may. */
  readonly mayCheck: (x: Exchange) => Refusal | undefined;
  /** The network of a client. Networks take turns, so that guesses from some do not lock out the users of others. */
  readonly clientOf: (x: Exchange) => string;
  readonly clock: Clock;
  /** Whether a hash is of this password. */
  readonly verify?: (hash: string, password: string) => Promise<boolean>;
}

/** Checks a user name and a password (RFC 7617). A pair that was right is known by a keyed hash, without its password. */
export class BasicAuthenticator implements Authenticator {
  readonly #config: BasicAuthConfig;
  readonly #mayCheck: (x: Exchange) => Refusal | undefined;
  readonly #missing: Refusal;
  readonly #wrong: Refusal;
  readonly #known = new LRUCache<string, KeyIdentity>({ max: CAPACITY });
  /** Of this process, so that what is kept says nothing about a password elsewhere. */
  readonly #secret = randomBytes(32);
  readonly #checks: FairAdmission;
  readonly #clientOf: (x: Exchange) => string;
  readonly #verify: NonNullable<BasicDependencies['verify']>;

  constructor(config: BasicAuthConfig, { mayCheck, clientOf, clock, verify = hasPassword }: BasicDependencies) {
    this.#config = config;
    this.#mayCheck = mayCheck;
    this.#clientOf = clientOf;
    this.#verify = verify;
    this.#checks = new FairAdmission(MOST_CHECKS, clock);
    const scheme = `Basic realm="${config.realm}", charset="UTF-8"`;
    this.#missing = challenge('a user name and a password are needed', scheme);
    this.#wrong = challenge('the user name or the password is wrong', scheme, { isGuess: true });
  }

  identify(x: Exchange): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const credentials = credentialsOf(x.head.authorization);
    if (credentials === undefined) return this.#missing;
    const { user, password } = credentials;
    const digest = createHmac('sha256', this.#secret).update(`${user}:${password}`).digest('base64');
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const refusal = this.#mayCheck(x);
    if (refusal !== undefined) return refusal;
    return this.#checks
      .run(this.#clientOf(x), () => this.#check(user, password, digest))
      .catch((error: unknown) => {
        if (error instanceof AdmissionBusy) return busy;
        throw error;
      });
  }

  async #check(user: string, password: string, digest: string): Promise<KeyIdentity | Refusal> {
    const { users } = this.#config;
    const hash = Object.hasOwn(users, user) ? users[user] : undefined;
    // An unknown user takes as long as a wrong password, so that the time of a reply names no users.
    const isRight = await this.#verify(hash ?? (Object.values(users)[0] as string), password);
    if (!isRight || hash === undefined) return this.#wrong;
    const identity = { id: `user:${user}`, name: user };
    this.#known.set(digest, identity);
    return identity;
  }
}

function credentialsOf(authorization: string | undefined): { user: string; password: string } | undefined {
  if (authorization === undefined || authorization.length > 2000) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
