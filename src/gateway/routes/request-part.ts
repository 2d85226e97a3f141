import type { AddressSet } from '../../core/addresses.ts';
import type { Random } from '../../core/random.ts';
import type { Exchange } from '../exchange.ts';
import { clientNetwork } from '../http/client-network.ts';
import { valueAt } from '../http/request-head.ts';

/** A text by which requests are told apart. */
export type RequestPart = (x: Exchange) => string;

/** `part`: as the configuration names it. A request without the header field or the cookie goes by its key. */
export function requestPartOf(part: string, trustedProxies: AddressSet, random: Random): RequestPart {
  if (part === 'random') return () => String(random());
  if (part === 'address') return (x) => clientNetwork(x.request.peerAddress, x.head, trustedProxies);
  const [kind, name = ''] = part.split(':');
  if (kind === 'header') return (x) => fieldValue(x, name.toLowerCase()) ?? x.fairKey;
  if (kind === 'cookie') return (x) => cookieValue(x, name) ?? x.fairKey;
  return (x) => x.fairKey;
}

function fieldValue({ head }: Exchange, name: string): string | undefined {
  const index = head.names.indexOf(name);
  return index === -1 ? undefined : valueAt(head, index);
}

/** The value of a cookie as the client sent it (RFC 6265 §5.4). */
function cookieValue({ head }: Exchange, name: string): string | undefined {
  for (let index = head.names.indexOf('cookie'); index !== -1; index = head.names.indexOf('cookie', index + 1)) {
    for (const pair of valueAt(head, index).split(';')) {
      const equals = pair.indexOf('=');
      if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
    }
  }
  return undefined;
}
