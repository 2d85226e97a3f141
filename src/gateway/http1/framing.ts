import type { Framing, FramingFields } from '../http/client-request.ts';
import { isHost, malformed } from '../http/request-head.ts';
import { Refusal } from '../refusal.ts';

/**
 * The host and the length of the body by RFC 9112 §3.2 and §6. Refuses ambiguous requests that Node's parser accepts
 * and that intermediaries could read in two ways (§11.2).
 */
export function http1Framing(
  version: string,
  { host, contentLength, transferEncoding }: FramingFields,
): Framing | Refusal {
  if (version !== '1.1' && version !== '1.0') {
    return new Refusal('version-not-supported', 'Rampart speaks HTTP/1.1 and HTTP/1.0', { close: true });
  }
  if (host === undefined ? version === '1.1' : !isHost(host)) {
    return malformed('the Host header must be one host name or address, with a port at most');
  }
  if (transferEncoding === undefined) {
    return { host: host ?? '', contentLength: contentLength === undefined ? 0 : Number(contentLength) };
  }
  if (contentLength !== undefined) return malformed('Content-Length and Transfer-Encoding are both there');
  if (version === '1.0') return malformed('HTTP/1.0 has no Transfer-Encoding');
  if (transferEncoding.toLowerCase() !== 'chunked')
    return malformed('Transfer-Encoding must be chunked, and nothing else');
  return { host: host ?? '', contentLength: undefined };
}
