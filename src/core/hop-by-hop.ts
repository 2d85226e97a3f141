/** Fields that belong to one connection (RFC 9110 §7.6.1), and fields that old agents treat in the same way. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

export const isHopByHop = (lowerName: string): boolean => hopByHop.has(lowerName);

/** The fields that a Connection header nominates, in lower case; undefined when it nominates none. */
export function nominated(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
}
