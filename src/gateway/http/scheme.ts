import type { AddressSet } from '../../core/addresses.ts';
import type { Exchange } from '../exchange.ts';
import { peerAddress } from './peer-address.ts';
import { valueAt } from './request-head.ts';

/** The scheme of the client's URL: that of the connection, or what a trusted proxy says of it. */
export function schemeOf({ request, head }: Pick<Exchange, 'request' | 'head'>, trusted: AddressSet): 'http' | 'https' {
  if (trusted.size === 0 || !trusted.has(peerAddress(request.peerAddress))) return request.scheme;
  const index = head.names.indexOf('x-forwarded-proto');
  const said = index === -1 ? forwardedProto(head) : valueAt(head, index).split(',', 1)[0];
  const scheme = said?.trim().toLowerCase();
  return scheme === 'https' || scheme === 'http' ? scheme : request.scheme;
}

/** The scheme that the first proxy has seen (RFC 7239 §5.4). */
function forwardedProto(head: Exchange['head']): string | undefined {
  const index = head.names.indexOf('forwarded');
  if (index === -1) return undefined;
  return /(?:^|;)\s*proto="?([a-z]+)/i.exec(valueAt(head, index).split(',', 1)[0] as string)?.[1];
}
