import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { PeerCertificates } from '../tls/peer-certificates.ts';
import { createServer } from '../../core/node-http.ts';
import type { ListenOptions, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import { stopAccepting } from '../http/stop-accepting.ts';
import { type UnparsedRequest, unparsedRequest } from '../http/unparsed-request.ts';
import { Refusal } from '../refusal.ts';
import { ClientConnections } from './client-connections.ts';
import { ConnectionAges } from './connection-ages.ts';
import { dropConnection, isReceiving, MAX_HEADER_BYTES, refusalOf, refuse, refuseConnection } from './malformed.ts';
import { Http1Transaction, type TransactionHost } from './transaction.ts';
import { Http1Upgrade, mayUpgrade } from './upgrade.ts';

/** The limits for slow clients, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 2_000;

export interface Http1Options {
  readonly clock: Clock;
  readonly random: Random;
  readonly bugs: Bugs;
  readonly keepAliveTimeoutMs: number;
  /** The age at which a connection gets its last reply; 0: none. */
  readonly maxAgeMs: number;
  /** Requests of one connection that may be in progress at a time. */
  readonly maxPipelined: number;
  readonly isDraining: () => boolean;
  /** Whether a request over TLS must be for the name that its handshake asked for. */
  readonly bindsHostToName: boolean;
  /** Makes the exchange of a request that has come. */
  readonly open: (transaction: Http1Transaction) => Exchange;
  /** Begins a request whose turn has come on its connection. */
  readonly start: (x: Exchange) => void;
  /** A connection ended before it had a request that could be counted. */
  readonly onMalformed: (request: UnparsedRequest) => void;
  /** A connection was ended because too many of its requests waited. */
  readonly onOverflow: () => void;
}

/** The HTTP/1.1 server of a worker: enforces the limits of the protocol, and answers malformed requests. */
export class Http1Server implements TransactionHost {
  readonly server: Server;
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly isDraining: () => boolean;
  readonly bindsHostToName: boolean;
  readonly certificates = new PeerCertificates();
  readonly #options: Http1Options;
  readonly #connections: ClientConnections;
  readonly #ages: ConnectionAges;

  constructor(options: Http1Options) {
    const { clock, bugs, random, maxAgeMs } = options;
    this.clock = clock;
    this.bugs = bugs;
    this.isDraining = options.isDraining;
    this.bindsHostToName = options.bindsHostToName;
    this.#options = options;
    this.#ages = new ConnectionAges(maxAgeMs, clock, random);
    this.#connections = new ClientConnections(options);
    this.server = this.#createServer();
    this.#listen();
  }

  /** Resolves when connections are accepted; rejects with the system's error. */
  async listen(options: ListenOptions | { readonly fd: number }): Promise<void> {
    this.server.listen(options);
    await once(this.server, 'listening');
  }

  /** Stops accepting; resolves when the last connection is closed. `listenFd`: of a socket that only this process has. */
  stopAccepting(listenFd: number | undefined): Promise<void> {
    return stopAccepting(this.server, () => this.closeIdle(), this, listenFd);
  }

  /** Closes the connections that have no request. */
  closeIdle(): void {
    this.server.closeIdleConnections();
  }

  /** Takes a connection whose TLS handshake is complete. */
  accept(socket: Socket): void {
    this.server.emit('connection', socket);
  }

  close(): void {
    this.#connections.close();
  }

  isOld(socket: Socket): boolean {
    return this.#ages.isOld(socket);
  }

  left(transaction: Http1Transaction): void {
    this.#connections.leave(transaction);
  }

  #createServer(): Server {
    const server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // UploadPace limits bodies by their rate instead, because a large body may take long.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: this.#options.keepAliveTimeoutMs,
      noDelay: true,
      // The path answers a missing Host itself, with a problem reply.
      requireHostHeader: false,
      shouldUpgradeCallback: (req) => this.#mayUpgrade(req),
    });
    // Above its default limit Node silently drops header lines, which may include Content-Length; the path counts the
    // lines instead.
    server.maxHeadersCount = 0;
    // A client may end its side and wait for the reply.
    (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
    return server;
  }

  /** An exception in a listener ends the connection that met it, and nothing else. */
  #listen(): void {
    const { server, bugs } = this;
    type OnRequest = (req: IncomingMessage, res: ServerResponse) => void;
    type OnSocket<First> = (first: First, socket: Socket, head: Buffer) => void;
    const request = (listener: OnRequest): OnRequest =>
      bugs.guard('server', listener, ({ socket }) => void socket.destroy());
    const on = <First>(listener: OnSocket<First>): OnSocket<First> =>
      bugs.guard('server', listener, (_first, socket) => void socket.destroy());
    const opened = (socket: Socket): void => this.#ages.opened(socket);
    server.on(
      'connection',
      bugs.guard('connection', opened, (socket) => void socket.destroy()),
    );
    server.on(
      'request',
      request((req, res) => this.#request(req, res, false)),
    );
    server.on(
      'checkContinue',
      request((req, res) => this.#request(req, res, true)),
    );
    server.on(
      'checkExpectation',
      request((_req, res) => this.#refuseExpect(res)),
    );
    server.on(
      'connect',
      on((_req: IncomingMessage, socket) => this.#connect(socket)),
    );
    server.on(
      'upgrade',
      on((req: IncomingMessage, socket, head) => this.#upgrade(req, socket, head)),
    );
    server.on(
      'clientError',
      on((error: Error, socket) => this.#malformed(error, socket)),
    );
  }

  /** Node calls this without a guard of its own. If it throws, the request is not an upgrade. */
  #mayUpgrade(req: IncomingMessage): boolean {
    try {
      return mayUpgrade(req, (socket) => this.#connections.isBusy(socket));
    } catch (error) {
      this.bugs.report('server', error);
      return false;
    }
  }

  #request(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const transaction = new Http1Transaction(req, res, this);
    transaction.expectsContinue = expectsContinue;
    transaction.exchange = this.#options.open(transaction);
    if (this.#connections.enter(transaction)) return;
    this.#options.onOverflow();
    dropConnection(req.socket);
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const upgrade = new Http1Upgrade(req, socket, head, this.bugs);
    const transaction = new Http1Transaction(req, upgrade.res, this);
    transaction.upgrade = upgrade;
    transaction.closeAfterReply = true;
    transaction.exchange = this.#options.open(transaction);
    this.#connections.watchUpgrade(transaction);
    this.#options.start(transaction.exchange);
  }

  #refuseExpect(res: ServerResponse): void {
    const unparsed = unparsedRequest(
      new Refusal('expectation-failed', 'Expect may only be 100-continue'),
      res.socket?.remoteAddress,
    );
    this.#options.onMalformed(unparsed);
    refuse(res, unparsed);
  }

  #connect(socket: Socket): void {
    const unparsed = unparsedRequest(
      new Refusal('method-not-allowed', 'CONNECT is not served here'),
      socket.remoteAddress,
    );
    this.#options.onMalformed(unparsed);
    // Node has detached the connection, so the replies that are still due cannot be written.
    if (this.#connections.abandon(socket)) return;
    refuseConnection(socket, unparsed, this.bugs);
  }

  #malformed(error: Error, socket: Duplex): void {
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      socket.destroy();
      return;
    }
    const unparsed = unparsedRequest(refusal, (socket as Socket).remoteAddress);
    // A request that has an exchange is counted and logged as that one.
    if (!isReceiving(socket)) this.#options.onMalformed(unparsed);
    refuseConnection(socket, unparsed, this.bugs);
  }
}
