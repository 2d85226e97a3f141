import type { AccessLogConfig } from '../../config/model.ts';
import { networkOf } from '../../core/addresses.ts';

/** An address as logs and traces show it: as it is, the /24 of IPv4 or the /64 of IPv6, or undefined for none. */
export function shownAddress(address: string, shown: AccessLogConfig['clientAddress']): string | undefined {
  if (shown === 'none') return undefined;
  return shown === 'network' ? networkOnly(address) : address;
}

function networkOnly(address: string): string {
  if (address.includes(':')) return networkOf(address);
  const end = address.lastIndexOf('.');
  return end === -1 ? address : `${address.slice(0, end)}.0/24`;
}
