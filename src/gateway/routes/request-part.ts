import type { AddressSet } from '../../core/addresses.ts';
import type { Random } from '../../core/random.ts';
import type { Exchange } from '../exchange.ts';
import { clientNetwork } from '../http/client-network.ts';
import { cookieValue, fieldValue } from '../http/request-fields.ts';

/** A text by which requests are told apart. */
export type RequestPart = (x: Exchange) => string;

/** `part`: as the configuration names it. A request without the header field or the cookie goes by its key. */
export function requestPartOf(part: string, trustedProxies: AddressSet, random: Random): RequestPart {
  if (part === 'random') return () => String(random());
  if (part === 'address') return (x) => clientNetwork(x.request.peerAddress, x.head, trustedProxies);
  const [kind, name = ''] = part.split(':');
  if (kind === 'header') return (x) => named(fieldValue(x.head, name.toLowerCase())) ?? x.fairKey;
  if (kind === 'cookie') return (x) => named(cookieValue(x.head, name)) ?? x.fairKey;
  return (x) => x.fairKey;
}

/** Marked, so that no client can name the key or the address of another one in a field. */
const named = (value: string | undefined): string | undefined => (value === undefined ? undefined : `=${value}`);
