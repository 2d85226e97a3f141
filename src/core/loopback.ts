import { isIP } from 'node:net';

/** Whether a listener on this host name is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The same for the host of a URL or of a Host header, in which an IPv6 address is in brackets. */
export const isLoopbackHost = (host: string): boolean => isLoopback(host.replace(/^\[|\]$/g, ''));
