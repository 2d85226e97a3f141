import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Bugs } from '../../metrics/bugs.ts';
import { codeOf } from '../../core/errors.ts';
import { problemReply } from '../http/problem-reply.ts';
import type { UnparsedRequest } from '../http/unparsed-request.ts';
import { Refusal, reasons } from '../refusal.ts';
import type { WithMessage } from './upgrade.ts';

/** Whether the connection is in the midst of a request that has an exchange. */
export function isReceiving(socket: Duplex & WithMessage): boolean {
  return socket._httpMessage?.req.complete === false;
}

export const MAX_HEADER_BYTES = 16 * 1024;

/** The reason for which Node's parser refuses bytes; undefined if the client has gone. */
export function refusalOf(error: Error): Refusal | undefined {
  const code = codeOf(error);
  const close = { close: true };
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new Refusal('headers-too-large', `the head must have at most ${MAX_HEADER_BYTES} bytes`, close);
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new Refusal('body-too-large', 'the chunk extensions are too long', close);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Refusal('request-timeout', 'the request took too long to arrive', close);
  if (code?.startsWith('HPE_') === true)
    return new Refusal('malformed-request', 'the bytes are no valid HTTP/1.1 request', close);
  return undefined;
}

/** Refuses a request without an exchange, through its reply, so that it takes its turn behind those of the requests before it. */
export function refuse(res: ServerResponse, { id, refusal }: UnparsedRequest): void {
  const { status, headers, body } = problemReply(refusal, id);
  res.writeHead(status, [...headers, 'connection', 'close']).end(body);
}

/** Sends the reason on a connection without a usable request, and closes it; a reply that has begun is cut instead. */
export function refuseConnection(
  socket: (Duplex & WithMessage) | Socket | null,
  request: UnparsedRequest,
  bugs: Bugs,
): void {
  if (socket === null) return;
  const owed = (socket as WithMessage)._httpMessage;
  if (!socket.writable || owed?.headersSent === true) {
    socket.destroy();
    return;
  }
  if (owed?.req.complete === true) {
    // An earlier request still waits for its reply, and this reply must not be taken for that one.
    const answered = (): void => refuseConnection(socket, request, bugs);
    owed.once(
      'finish',
      bugs.guard('server', answered, () => socket.destroy()),
    );
    return;
  }
  socket.on('error', () => {});
  socket.end(rawProblem(request), () => socket.destroy());
}

/** A problem reply as bytes, for a connection that has no parsed request. */
function rawProblem({ id, refusal }: UnparsedRequest): string {
  const { status, headers, body } = problemReply(refusal, id);
  headers.push('connection', 'close', 'x-request-id', id);
  const lines = [`HTTP/1.1 ${status} ${reasons[refusal.reason].title}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/**
 * Ends a connection and drops everything that it has sent. Otherwise Node would handle all requests in the bytes that
 * it has read, up to 1,700: 600 such connections blocked the event loop for longer than a worker may hang. The parser
 * stops where it is if its callback reports that the connection is no longer HTTP; the callback and this effect are
 * undocumented.
 */
export function dropConnection(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: () => number } | null };
  if (parser?.onIncoming !== undefined) parser.onIncoming = () => STOP_PARSING;
  socket.destroy();
}

/** Whether the parser takes a request for an upgrade (llhttp's `on_headers_complete`). */
const STOP_PARSING = 2;
