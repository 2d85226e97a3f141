import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { InterimFilter } from '../../gateway/interim-filter.ts';

/**
 * Connections for undici that leave out a `100 Continue` that nobody asked for: undici takes it for an error, and RFC 9110
 * §15.2 has clients accept it. Certificates are verified unless `insecure` says otherwise, whatever the environment says.
 */
export function replyConnector(timeoutMs: number, insecure = false): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, rejectUnauthorized: !insecure });
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error === null) callback(null, withoutContinue(socket));
      else callback(error, null);
    });
}

function withoutContinue<Connection extends Socket>(socket: Connection): Connection {
  const filter = new InterimFilter();
  const { read, write } = socket;
  socket.write = ((...args: Parameters<Socket['write']>) => {
    // undici writes the head of a request as a text.
    if (typeof args[0] === 'string' && args[0].includes(' HTTP/1.1\r\n')) filter.expectHead();
    return write.apply(socket, args);
  }) as Socket['write'];
  socket.read = (size?: number): unknown => {
    const chunk = read.call(socket, size) as Buffer | null;
    if (chunk === null || !filter.isExpectingHead) return chunk;
    const passed = filter.pass(chunk);
    // With nothing to pass on, undici is to wait as if nothing had come.
    return passed.length > 0 ? passed : socket.read(size);
  };
  return socket;
}
