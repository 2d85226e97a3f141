import type { TLSSocket } from 'node:tls';

/**
 * The name that the handshake asked for; empty for none. Undefined where it is not known: Node does not tell it of a resumed
 * session of TLS 1.2. All names have the same authorities for clients, so such a session is no way around another one's.
 */
export function handshakeName(socket: TLSSocket): string | undefined {
  if (typeof socket.servername === 'string') return socket.servername;
  return socket.isSessionReused() && socket.getProtocol() === 'TLSv1.2' ? undefined : '';
}
