import { randomBytes } from 'node:crypto';
import type { AddressSet } from '../../core/addresses.ts';
import type { Random } from '../../core/random.ts';
import { hashOf } from '../../core/text-hash.ts';
import type { Exchange } from '../exchange.ts';
import { cookieValue } from '../http/request-fields.ts';
import { schemeOf } from '../http/scheme.ts';
import { requestPartOf } from './request-part.ts';

/** The hash of a request's session. */
export type SessionOf = (x: Exchange) => number;

/** `hashBy`: as the configuration of the upstream has it. */
export function sessionsOf(hashBy: string, trustedProxies: AddressSet, random: Random): SessionOf {
  const [kind, name = ''] = hashBy.split(':');
  if (kind === 'session') return (x) => hashOf(ownSession(x, name, trustedProxies));
  const partOf = requestPartOf(hashBy, trustedProxies, random);
  return (x) => hashOf(partOf(x));
}

/** The session by a cookie of the gateway's own, which a client gets with its first reply. */
function ownSession(x: Exchange, name: string, trustedProxies: AddressSet): string {
  const known = cookieValue(x.head, name);
  if (known !== undefined && /^[\w-]{16,64}$/.test(known)) return known;
  const session = randomBytes(12).toString('base64url');
  const secure = schemeOf(x, trustedProxies) === 'https' ? '; Secure' : '';
  x.addedLines = ['set-cookie', `${name}=${session}; Path=/; HttpOnly; SameSite=Lax${secure}`];
  return session;
}
