import { hash } from 'node:crypto';
import {
  type CryptoKey,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { JwtConfig } from '../../config/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import { cookieValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import { type Authenticator, bearerToken, challenge } from './authenticator.ts';
import { claimLines, claimText, hasValue } from './claims.ts';
import { fetchKeys } from './fetch-keys.ts';
import { fixedKeys, KeySet, type KeySetOptions, type KeySource, KeysUnavailable } from './key-set.ts';

export interface JwtDependencies {
  readonly clock: Clock;
  readonly keys: KeySource;
  /** The refusal for a token that must be verified; undefined if it may be. */
  readonly mayVerify: (x: Exchange) => Refusal | undefined;
}

/** How an authenticator of tokens is made. `keySets`: those of issuers that are known already, by URL. */
export function openJwtAuthenticator(
  config: JwtConfig,
  options: Omit<JwtDependencies, 'keys'> & Pick<KeySetOptions, 'warn'> & { readonly keySets: Map<string, KeySet> },
): JwtAuthenticator {
  const { clock, warn, mayVerify, keySets } = options;
  const { jwksUrl: url, jwks } = config;
  if (jwks !== undefined) return new JwtAuthenticator(config, { clock, mayVerify, keys: fixedKeys(jwks, warn) });
  if (url === undefined) throw new Error('a JWT check needs keys, or a way to read them');
  const keySet = keySets.get(url) ?? new KeySet({ url, fetchKeys, clock, warn });
  keySets.set(url, keySet);
  return new JwtAuthenticator(config, { clock, mayVerify, keys: keySet });
}

/** A verified token is not verified again for this long. */
const CACHED_MS = 5 * 60_000;
const CAPACITY = 10_000;
/** Keys that are tried for a token which does not say which is its own. */
const MOST_KEYS = 8;

interface Entry {
  readonly identity: KeyIdentity | Refusal;
  /** Wall-clock milliseconds. */
  readonly until: number;
}

const scheme = 'Bearer realm="rampart", error="invalid_token"';
const invalid = (detail: string): Refusal => challenge(detail, scheme, { isGuess: true });
/** No guess: its signature is right. */
const expired = challenge('the token has expired', scheme);
const unusable = invalid("none of the issuer's keys can be used for the token");
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
  readonly #verified = new LRUCache<string, Entry>({ max: CAPACITY });

  constructor(config: JwtConfig, dependencies: JwtDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
  }

  identify(x: Exchange): KeyIdentity | Refusal | Promise<KeyIdentity | Refusal> {
    const { cookie } = this.#config;
    const token = bearerToken(x.head.authorization) ?? (cookie === undefined ? undefined : cookieValue(x.head, cookie));
    if (token === undefined) return missing;
    const digest = hash('sha256', token, 'base64');
    const known = this.#verified.get(digest);
    if (known !== undefined && this.#dependencies.clock.wallNow() < known.until) return known.identity;
    // A token that was valid a while ago is no guess.
    const refusal = known === undefined ? this.#dependencies.mayVerify(x) : undefined;
    return refusal ?? this.#verify(token, digest);
  }

  async #verify(token: string, digest: string): Promise<KeyIdentity | Refusal> {
    const now = this.#dependencies.clock.wallNow();
    const payload = await this.#payloadOf(token, now).catch((error: unknown) => this.#refusalOf(error));
    if (payload instanceof Refusal) {
      if (payload === expired) this.#verified.set(digest, { identity: expired, until: now + CACHED_MS });
      return payload;
    }
    const identity = this.#identityOf(payload, digest);
    const expiresAt = ((payload.exp as number) + this.#config.clockSkewSeconds) * 1000;
    this.#verified.set(digest, { identity, until: Math.min(expiresAt, now + CACHED_MS) });
    return identity;
  }

  async #payloadOf(token: string, now: number): Promise<JWTPayload> {
    const { issuer, audience, algorithms, clockSkewSeconds } = this.#config;
    const { keys } = this.#dependencies;
    const options: JWTVerifyOptions = {
      issuer: [...issuer],
      audience: [...audience],
      algorithms: [...algorithms],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(now),
      requiredClaims: ['exp'],
    };
    try {
      return (
        await jwtVerify(
          token,
          (header: JWSHeaderParameters, jws: FlattenedJWSInput) => keys.keyFor(header, jws),
          options,
        )
      ).payload;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyByAny(error, token, options);
      throw error;
    }
  }

  #identityOf(payload: JWTPayload, digest: string): KeyIdentity | Refusal {
    const { require, claimsToHeaders } = this.#config;
    const unmet = Object.entries(require).find(([claim, value]) => !hasValue(payload, claim, value));
    if (unmet !== undefined) return new Refusal('forbidden', `the token's ${unmet[0]} must have ${unmet[1]}`);
    return { ...whoIs(payload, digest), headers: claimLines(payload, claimsToHeaders) };
  }

  /** Whatever else is thrown comes from a key of the issuer: a point off its curve, or a modulus that is too short. */
  #refusalOf(error: unknown): Refusal {
    if (error instanceof KeysUnavailable) return unavailable;
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSInvalid)) return refusalOf(error);
    this.#dependencies.keys.unusable(error);
    return unusable;
  }
}

/** The subject; the client of a token without one (RFC 9068 §2.2), or else the token itself. */
function whoIs(payload: JWTPayload, digest: string): { id: string; name: string } {
  const subject = claimText(payload['sub']) ?? '';
  if (subject !== '') return { id: `jwt:${payload.iss}:${subject}`, name: subject };
  const client = claimText(payload['client_id']) ?? claimText(payload['azp']) ?? '';
  if (client !== '') return { id: `jwt-client:${payload.iss}:${client}`, name: client };
  return { id: `jwt-token:${digest}`, name: '' };
}

/** Tries the keys that fit a token which does not say which of them is its own. */
async function verifyByAny(
  keys: AsyncIterable<CryptoKey>,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let failure: unknown = new Error('none of the keys that fit the token can be imported');
  let tried = 0;
  for await (const key of keys) {
    if (++tried > MOST_KEYS) break;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      const isOfKey = !(error instanceof errors.JOSEError) || error instanceof errors.JWSSignatureVerificationFailed;
      if (!isOfKey) throw error;
      failure = error;
    }
  }
  throw failure;
}

function refusalOf(error: errors.JOSEError): Refusal {
  if (error instanceof errors.JWTExpired) return expired;
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(
      error.reason === 'missing' ? `the token has no ${error.claim}` : `the token's ${error.claim} is not accepted`,
    );
  if (error instanceof errors.JWKSNoMatchingKey) return invalid("none of the issuer's keys belongs to the token");
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid("the token's algorithm is not accepted");
  return invalid('the token is invalid, or its signature is wrong');
}
