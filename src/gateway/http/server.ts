import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../core/clock.ts';
import { closeWhenEmpty } from './accept-queue.ts';
import { codeOf } from '../../core/errors.ts';
import { requestId } from '../../core/ids.ts';
import { problemReply, rawProblem } from './problem-reply.ts';
import { type Reason, Refusal } from '../refusal.ts';

/** Slow clients are cut off by these; all in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;

export interface ServerHandlers {
  /** Whether a reply is owed to this connection already. */
  isBusy(socket: Socket): boolean;
  request(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void;
  /** A CONNECT: true if replies were owed on its connection, which has been ended. */
  connect(socket: Socket): boolean;
  upgrade(req: IncomingMessage, res: ServerResponse, upgrade: { socket: Duplex; head: Buffer }): void;
  /** A connection ended before it had a request that could be counted. */
  malformed(reason: Reason): void;
  /** An exception in one of the callbacks above or below; the connection that met it is ended. */
  bug(where: string, error: unknown): void;
}

/** The HTTP server of a worker: the limits of the protocol, and an answer to everything that is no request. */
export function createHttpServer(handlers: ServerHandlers, keepAliveTimeoutMs: number): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Bodies have limits of their own (UploadPace), by their rate: a large one may take long.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    keepAliveTimeout: keepAliveTimeoutMs,
    noDelay: true,
    // The path answers a missing Host itself, with a problem reply.
    requireHostHeader: false,
    shouldUpgradeCallback: (req) => mayUpgrade(req, handlers),
  });
  // Beyond its default Node drops header lines in silence, and with them a Content-Length; the path counts instead.
  server.maxHeadersCount = 0;
  // A client may end its side and wait for the reply.
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
  const guarded = guardedBy(handlers);
  server.on('request', (req, res) => guarded(req.socket, () => handlers.request(req, res, false)));
  server.on('checkContinue', (req, res) => guarded(req.socket, () => handlers.request(req, res, true)));
  server.on('checkExpectation', (req, res: ServerResponse) =>
    guarded(req.socket, () => {
      handlers.malformed('expectation-failed');
      // Through the reply, so that it takes its turn behind those of the requests before it.
      const refusal = new Refusal('expectation-failed', 'Expect may only be 100-continue', { close: true });
      const { status, headers, body } = problemReply(refusal, requestId());
      res.writeHead(status, headers).end(body);
    }),
  );
  server.on('connect', (_req, socket: Duplex) =>
    guarded(socket, () => {
      handlers.malformed('method-not-allowed');
      if (handlers.connect(socket as Socket)) return;
      refuseConnection(socket, new Refusal('method-not-allowed', 'CONNECT is not served here', { close: true }));
    }),
  );
  server.on('upgrade', (req, socket: Socket, head) =>
    guarded(socket, () => handlers.upgrade(req, replyOn(req, socket), { socket, head })),
  );
  server.on('clientError', (error: Error, socket: Duplex) =>
    guarded(socket, () => {
      const refusal = refusalOf(error);
      if (refusal === undefined) {
        socket.destroy();
        return;
      }
      handlers.malformed(refusal.reason);
      refuseConnection(socket, refusal);
    }),
  );
  return server;
}

/** Runs a callback of the server; an exception in it ends the connection that met it, and nothing else. */
function guardedBy(handlers: ServerHandlers): (socket: Duplex, callback: () => void) => void {
  return (socket, callback) => {
    try {
      callback();
    } catch (error) {
      handlers.bug('server', error);
      socket.destroy();
    }
  };
}

/**
 * Whether a request becomes an upgrade. Any other is answered as an ordinary request, as if it did not offer one
 * (RFC 9110 §7.8): other protocols (h2c), HTTP/1.0, one with a body, and a request behind which a reply is owed still, since Node hands
 * the connection over at once and that reply could no longer be written.
 */
function mayUpgrade(req: IncomingMessage, handlers: ServerHandlers): boolean {
  if (req.headers.upgrade?.toLowerCase() !== 'websocket' || req.httpVersionMinor === 0) return false;
  if (req.method !== 'GET' || 'content-length' in req.headers || 'transfer-encoding' in req.headers) return false;
  return !handlers.isBusy(req.socket) && ((req.socket as WithMessage)._httpMessage ?? null) === null;
}

/**
 * A reply for a connection that Node's server has let go of, so that an upgrade that is not granted is answered as any
 * other request. It is the last one on its connection.
 */
function replyOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  socket.on('error', () => socket.destroy());
  res.assignSocket(socket);
  res.on('finish', () => {
    res.detachSocket(socket);
    // For an upgrade with a body Node gives a stream around the socket, so nothing but a stream may be asked of it.
    socket.end(() => {
      req.socket.destroySoon();
      socket.destroy();
    });
    res.emit('close');
  });
  return res;
}

/** The reason for which Node's parser refuses bytes; undefined if the client has gone. */
function refusalOf(error: Error): Refusal | undefined {
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

/**
 * Ends a connection and everything that it has sent. Node would go on with the requests in the bytes that it has read,
 * some 1,700 of them: 600 such connections held the event loop for longer than a worker may stand still. A parser whose
 * callback says that the connection is no longer HTTP stops where it is; undocumented, as is the callback.
 */
export function dropConnection(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: () => number } | null };
  if (parser?.onIncoming !== undefined) parser.onIncoming = () => STOP_PARSING;
  socket.destroy();
}

/** Whether the parser takes a request for an upgrade (llhttp's `on_headers_complete`). */
const STOP_PARSING = 2;

/** The reply that a `ServerResponse` of this connection has begun, if any: undocumented, and the only way to know. */
interface WithMessage {
  readonly _httpMessage?: ServerResponse | null;
}

/** Says why on a connection without a usable request, and closes it; a reply that has begun is cut instead. */
export function refuseConnection(socket: (Duplex & WithMessage) | Socket | null, refusal: Refusal): void {
  if (socket === null) return;
  const owed = (socket as WithMessage)._httpMessage;
  if (!socket.writable || owed?.headersSent === true) {
    socket.destroy();
    return;
  }
  if (owed?.req.complete === true) {
    // A whole request before this one still waits for its reply: this must not be taken for it.
    owed.once('finish', () => refuseConnection(socket, refusal));
    return;
  }
  socket.on('error', () => {});
  socket.end(rawProblem(refusal, requestId()), () => socket.destroy());
}

/** How long an idle connection may stay open once the worker drains, for a request that is already under way to it. */
const IDLE_GRACE_MS = 1_500;
/** Connections whose last reply has ended since are closed this often. */
const SWEEP_INTERVAL_MS = 100;

/**
 * Stops accepting; resolves when the last connection is closed. Idle ones are closed after a grace, as
 * http.Server.close() would close them at once, under the feet of a client that is just sending.
 * `listenFd`: the descriptor of a socket that only this process has.
 */
export function stopAccepting(server: Server, clock: Clock, listenFd: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    let sweep: Timer | undefined;
    const sweepIn = (delayMs: number): void => {
      sweep = clock.setTimeout(() => {
        server.closeIdleConnections();
        sweepIn(SWEEP_INTERVAL_MS);
      }, delayMs);
    };
    const ended = (): void => {
      sweep?.cancel();
      resolve();
    };
    sweepIn(IDLE_GRACE_MS);
    const close = (): void => void NetServer.prototype.close.call(server, ended);
    if (listenFd === undefined) close();
    else closeWhenEmpty(listenFd, close);
  });
}
