import { isIP } from 'node:net';
import { AddressSet, canonicalAddress } from './addresses.ts';

/** What is not reachable over the internet, by the IANA registries of special-purpose addresses (RFC 6890) as of 2026. */
const special = new AddressSet([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Of 2000::/3: protocol assignments (Teredo, ORCHID), documentation, and 6to4, which carries an IPv4 address.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]);

/** The only IPv6 addresses that IANA has given out for the internet; all others are local, mapped or translated. */
const globalUnicast = new AddressSet(['2000::/3']);

/** Whether an IP address belongs to the public internet: neither loopback, private, link-local nor reserved. */
export function isPublicAddress(text: string): boolean {
  const address = canonicalAddress(text);
  if (special.has(address)) return false;
  return address.includes(':') ? globalUnicast.has(address) : /^\d+\.\d+\.\d+\.\d+$/.test(address);
}

/** The IP address that a URL names, without the brackets of IPv6; undefined if it names a host. */
export function addressOfUrl({ hostname }: URL): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? undefined : bare;
}
