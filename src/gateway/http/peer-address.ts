import { canonicalAddress } from '../../core/addresses.ts';

/** The address of a peer in the one form by which addresses are compared; `unknown` for a socket that has closed. */
export function peerAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  return address.includes(':') ? canonicalAddress(address) : address;
}
