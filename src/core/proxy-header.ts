/**
 * The head of a connection in the PROXY protocol, version 2 (HAProxy, proxy-protocol.txt §2.2): twelve fixed bytes, version
 * and command, family, length, addresses, and further values, which are skipped.
 */
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const FIXED_BYTES = 16;
/** Addresses take 36 bytes at most; the rest is for values such as a certificate's name. */
const MAX_BYTES = FIXED_BYTES + 4096;

const VERSION_2_LOCAL = 0x20;
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

export interface ProxyHeader {
  /** Where the bytes of the client begin. */
  readonly bytes: number;
  /** The address of the client; undefined if the proxy speaks for itself, as in its health checks. */
  readonly address: string | undefined;
}

/** Reads it from the first bytes of a connection; `'incomplete'` if more are needed, `'malformed'` if it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, compared, 0, compared) !== 0) return 'malformed';
  if (bytes.length < FIXED_BYTES) return 'incomplete';
  const command = bytes.readUInt8(12);
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  if (length > MAX_BYTES || (command !== VERSION_2_LOCAL && command !== VERSION_2_PROXY)) return 'malformed';
  if (bytes.length < length) return 'incomplete';
  if (command === VERSION_2_LOCAL) return { bytes: length, address: undefined };
  const family = bytes.readUInt8(13);
  if (family === TCP_OVER_IPV4 && length >= FIXED_BYTES + 12)
    return { bytes: length, address: bytes.subarray(FIXED_BYTES, FIXED_BYTES + 4).join('.') };
  if (family === TCP_OVER_IPV6 && length >= FIXED_BYTES + 36)
    return { bytes: length, address: ipv6(bytes.subarray(FIXED_BYTES, FIXED_BYTES + 16)) };
  return 'malformed';
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return groups.join(':');
}
