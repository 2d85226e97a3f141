import type { Exchange, KeyIdentity } from '../exchange.ts';
import { Refusal } from '../refusal.ts';

/** The client, a refusal, or `answered`: the client has got a reply already. */
export type Identified = KeyIdentity | Refusal | 'answered';

/** Finds out who sends a request. */
export interface Authenticator {
  identify(x: Exchange): Identified | Promise<Identified>;
}

/** A 401 with its challenge (RFC 9110 §11.6.1). */
export const challenge = (detail: string, scheme: string, { isGuess = false } = {}): Refusal =>
  new Refusal('unauthenticated', detail, { headers: ['www-authenticate', scheme], isGuess });

/** The token of an Authorization field; undefined if it has another scheme. */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  return /^bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
}
