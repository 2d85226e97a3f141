import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';

/** Members that only private and shared keys have (RFC 7518 §6, RFC 8037). */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
/** RFC 7518 §3.3. */
const LEAST_RSA_BITS = 2048;

/** Why a JWK cannot check signatures; undefined if it can. Says nothing of the key's value. */
export function publicJwkProblem(jwk: Readonly<Record<string, unknown>>): string | undefined {
  if (jwk['kty'] === 'oct') return 'must be a public key: a shared secret (oct) must not stand in the file';
  const secret = secretMembers.find((name) => jwk[name] !== undefined);
  if (secret !== undefined) return `must be a public key: its member ${secret} is private, so take it out of the file`;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' } as JsonWebKeyInput);
  } catch {
    return 'must be a public key in the form of RFC 7517: its kty, curve or numbers are invalid';
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;
  return bits < LEAST_RSA_BITS ? `must have at least ${LEAST_RSA_BITS} bits: got ${bits}` : undefined;
}
