import { type AddressSet, networkOf } from '../../core/addresses.ts';
import { isIP } from 'node:net';
import { type HeadLines, valueAt } from './request-head.ts';
import { peerAddress } from './peer-address.ts';

/**
 * The address that a request counts against: an IPv4 address, or the /64 of an IPv6 one, because a single customer
 * usually has a /64.
 */
export function clientNetwork(address: string | undefined, head: HeadLines, trusted: AddressSet): string {
  return networkOf(clientAddress(address, head, trusted));
}

/** The address of the client: the peer, or the last address before trusted proxies. */
export function clientAddress(address: string | undefined, head: HeadLines, trusted: AddressSet): string {
  const peer = peerAddress(address);
  if (trusted.size === 0 || !trusted.has(peer)) return peer;
  let client = peer;
  const hops = forwardedHops(head);
  for (let index = hops.length - 1; index >= 0 && trusted.has(client); index--) {
    const address = addressOf(hops[index] as string);
    // A hop that is not an address comes from a proxy that hides it, or from the client. Then the proxy that forwarded
    // it counts.
    if (address === undefined) break;
    client = address;
  }
  return client;
}

/** The hops of X-Forwarded-For, or of Forwarded (RFC 7239) where there is none of it: the nearest last. */
function forwardedHops(head: HeadLines): string[] {
  const linesOf = (wanted: string): string =>
    head.names
      .flatMap((name, index) => (name === wanted ? [valueAt(head, index)] : []))
      .join(',')
      .trim();
  const simple = linesOf('x-forwarded-for');
  if (simple !== '') return simple.split(',');
  const elements = linesOf('forwarded').split(',');
  return elements.map((element) => /(?:^|;)\s*for=("[^"]*"|[^;]*)/i.exec(element)?.[1] ?? '');
}

/** The address of a hop, without quotes, brackets and port. */
function addressOf(hop: string): string | undefined {
  const text = hop.trim().replaceAll('"', '').toLowerCase();
  const address = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(address) === 0 ? undefined : peerAddress(address);
}
