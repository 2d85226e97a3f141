import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServerResponse as NodeReply } from '../../core/node-http.ts';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Bugs } from '../../metrics/bugs.ts';
import type { ClientUpgrade } from '../http/client-request.ts';

/** The reply that a `ServerResponse` of this connection has begun, if any: undocumented, and the only way to know. */
export interface WithMessage {
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * Whether a request becomes an upgrade. Any other request is answered as an ordinary one, as if it offered no upgrade
 * (RFC 9110 §7.8): other protocols (h2c), HTTP/1.0, a request with a body, and a request on a connection with an
 * earlier reply still due, because Node hands the connection over at once and that reply could no longer be written.
 */
export function mayUpgrade(req: IncomingMessage, isBusy: (socket: Socket) => boolean): boolean {
  if (req.headers.upgrade?.toLowerCase() !== 'websocket' || req.httpVersionMinor === 0) return false;
  if (req.method !== 'GET' || 'content-length' in req.headers || 'transfer-encoding' in req.headers) return false;
  return !isBusy(req.socket) && ((req.socket as WithMessage)._httpMessage ?? null) === null;
}

/** A connection that Node's server has detached, because its client asks for another protocol. */
export class Http1Upgrade implements ClientUpgrade {
  /** A reply, so that a refused upgrade is answered like any other request; it is the last one on its connection. */
  readonly res: ServerResponse;
  readonly #req: IncomingMessage;
  readonly #socket: Socket;
  readonly #head: Buffer;
  readonly #bugs: Bugs;
  /** What the connection had carried before it became a tunnel. */
  #before: { readonly read: number; readonly written: number } | undefined;

  constructor(req: IncomingMessage, socket: Socket, head: Buffer, bugs: Bugs) {
    this.res = new NodeReply(req);
    this.#req = req;
    this.#socket = socket;
    this.#head = head;
    this.#bugs = bugs;
    socket.on('error', () => socket.destroy());
    this.res.assignSocket(socket);
    const finish = (): void => this.#finish();
    this.res.on(
      'finish',
      bugs.guard('upgrade', finish, () => socket.destroy()),
    );
  }

  accept(headers: readonly string[]): { readonly socket: Duplex; readonly head: Buffer } {
    this.res.detachSocket(this.#socket);
    const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket'];
    for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
    // Encoded as latin1, because undici has decoded the field bytes as latin1.
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    this.#before = { read: this.#socket.bytesRead - this.#head.length, written: this.#socket.bytesWritten };
    return { socket: this.#socket, head: this.#head };
  }

  get receivedBytes(): number {
    return this.#before === undefined ? 0 : this.#socket.bytesRead - this.#before.read;
  }

  get writtenBytes(): number {
    return this.#before === undefined ? 0 : this.#socket.bytesWritten - this.#before.written;
  }

  decline(): void {
    // If the client's bytes for the tunnel stayed unread, they would hide the end of the connection.
    this.#socket.resume();
  }

  closed(): void {
    this.res.emit('close');
  }

  #finish(): void {
    this.res.detachSocket(this.#socket);
    // For an upgrade with a body Node passes a stream around the socket, so only methods of streams may be used.
    const ended = (): void => {
      this.#req.socket.destroySoon();
      this.#socket.destroy();
    };
    this.#socket.end(this.#bugs.guard('upgrade', ended, () => this.#socket.destroy()));
    this.res.emit('close');
  }
}
