import { isIPv6, SocketAddress } from 'node:net';
import { domainToASCII } from 'node:url';

/** Hosts that are in canonical form already, as nearly all are. */
const plain = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * The canonical form of a host with its port, in which two spellings of one origin are equal (RFC 9110 §4.2.3): lower
 * case, no default port, no trailing dot, internationalised names in their ASCII form, IPv6 addresses in their
 * shortest.
 */
export function canonicalHost(host: string, scheme: 'http' | 'https' = 'http'): string {
  if (host.length < 80 && plain.test(host)) return host;
  const colon = host.lastIndexOf(':');
  const hasPort = colon > host.lastIndexOf(']');
  const name = (hasPort ? host.slice(0, colon) : host).toLowerCase();
  const port = hasPort ? host.slice(colon + 1) : '';
  const ascii = name.startsWith('[') ? shortest(name) : domainToASCII(name) || name;
  const rooted = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  const isDefault = port === '' || Number(port) === (scheme === 'http' ? 80 : 443);
  return isDefault ? rooted : `${rooted}:${Number(port)}`;
}

/** An IPv6 address in brackets as RFC 5952 writes it; any other text as it is. */
function shortest(bracketed: string): string {
  const address = bracketed.slice(1, -1);
  return isIPv6(address) ? `[${new SocketAddress({ address, family: 'ipv6' }).address}]` : bracketed;
}

/** The host of a listener as it stands in a URL, where an IPv6 address has brackets. */
export const hostInUrl = (host: string): string => (isIPv6(host) ? `[${host}]` : host);
