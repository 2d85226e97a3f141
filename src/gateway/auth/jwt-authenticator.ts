import { hash } from 'node:crypto';
import { createLocalJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import type { JwtConfig } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import { cookieValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import { type Authenticator, bearerToken, challenge } from './authenticator.ts';
import { claimLines, claimText, hasValue } from './claims.ts';
import { fetchKeys } from './fetch-keys.ts';
import { KeySet, type KeySetOptions, KeysUnavailable } from './key-set.ts';

export interface JwtDependencies {
  readonly clock: Clock;
  /** The key of a token, where the file has no keys itself. */
  readonly keyFor?: JWTVerifyGetKey | undefined;
  /** The refusal for a token that must be verified; undefined if it may be. */
  readonly mayVerify: (x: Exchange) => Refusal | undefined;
}

/** How an authenticator of tokens is made. `keySets`: those of issuers that are known already, by URL. */
export function openJwtAuthenticator(
  config: JwtConfig,
  options: Omit<JwtDependencies, 'keyFor'> & Pick<KeySetOptions, 'warn'> & { readonly keySets: Map<string, KeySet> },
): JwtAuthenticator {
  const { clock, warn, mayVerify, keySets } = options;
  const { jwksUrl: url } = config;
  if (url === undefined) return new JwtAuthenticator(config, { clock, mayVerify });
  const keySet = keySets.get(url) ?? new KeySet({ url, fetchKeys, clock, warn });
  keySets.set(url, keySet);
  return new JwtAuthenticator(config, { clock, mayVerify, keyFor: (header, token) => keySet.keyFor(header, token) });
}

/** A verified token is not verified again for this long. */
const CACHED_MS = 5 * 60_000;
const CAPACITY = 10_000;

interface Entry {
  readonly identity: KeyIdentity | Refusal;
  /** Wall-clock milliseconds. */
  readonly until: number;
}

const invalid = (detail: string): Refusal => challenge(detail, 'Bearer realm="rampart", error="invalid_token"');
const missing = challenge('a token is needed: Authorization: Bearer …', 'Bearer realm="rampart"');
const unavailable = new Refusal(
  'store-unavailable',
  'the token cannot be checked, because its issuer has not been reached',
  {
    retryAfterSeconds: 1,
  },
);

/** Checks JSON Web Tokens (RFC 7519). Verified tokens are known by their hash until they expire. */
export class JwtAuthenticator implements Authenticator {
  readonly #config: JwtConfig;
  readonly #dependencies: JwtDependencies;
  readonly #keyFor: JWTVerifyGetKey;
  readonly #verified = new LRUCache<string, Entry>({ max: CAPACITY });

  constructor(config: JwtConfig, dependencies: JwtDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    const keyFor = config.jwks === undefined ? dependencies.keyFor : createLocalJWKSet(config.jwks);
    if (keyFor === undefined) throw new Error('a JWT check needs keys, or a way to read them');
    this.#keyFor = keyFor;
  }

  identify(x: Exchange): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const { cookie } = this.#config;
    const token = bearerToken(x.head.authorization) ?? (cookie === undefined ? undefined : cookieValue(x.head, cookie));
    if (token === undefined) return missing;
    const digest = hash('sha256', token, 'base64');
    const known = this.#verified.get(digest);
    if (known !== undefined && this.#dependencies.clock.wallNow() < known.until) return known.identity;
    return this.#dependencies.mayVerify(x) ?? this.#verify(token, digest);
  }

  async #verify(token: string, digest: string): Promise<KeyIdentity | Refusal> {
    const { issuer, audience, algorithms, clockSkewSeconds } = this.#config;
    const now = this.#dependencies.clock.wallNow();
    try {
      const { payload } = await jwtVerify(token, this.#keyFor, {
        issuer: [...issuer],
        audience: [...audience],
        algorithms: [...algorithms],
        clockTolerance: clockSkewSeconds,
        currentDate: new Date(now),
        requiredClaims: ['exp'],
      });
      const identity = this.#identityOf(payload);
      const expiresAt = ((payload.exp as number) + clockSkewSeconds) * 1000;
      this.#verified.set(digest, { identity, until: Math.min(expiresAt, now + CACHED_MS) });
      return identity;
    } catch (error) {
      return refusalOf(error);
    }
  }

  #identityOf(payload: JWTPayload): KeyIdentity | Refusal {
    const { require, claimsToHeaders } = this.#config;
    const unmet = Object.entries(require).find(([claim, value]) => !hasValue(payload, claim, value));
    if (unmet !== undefined) return new Refusal('forbidden', `the token's ${unmet[0]} must have ${unmet[1]}`);
    const subject = claimText(payload['sub']) ?? '';
    return {
      id: `jwt:${payload.iss}:${subject}`,
      name: subject,
      headers: claimLines(payload, claimsToHeaders),
    };
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof KeysUnavailable) return unavailable;
  if (error instanceof errors.JWTExpired) return invalid('the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(
      error.reason === 'missing' ? `the token has no ${error.claim}` : `the token's ${error.claim} is not accepted`,
    );
  if (error instanceof errors.JWKSNoMatchingKey) return invalid("none of the issuer's keys belongs to the token");
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid("the token's algorithm is not accepted");
  if (error instanceof errors.JOSEError) return invalid('the token is invalid, or its signature is wrong');
  throw error;
}
