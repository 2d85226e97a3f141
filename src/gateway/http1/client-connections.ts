import type { Socket } from 'node:net';
import { ClientLoop } from '../../policy/admission/client-loop.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import { ClientConnection } from './client-connection.ts';
import { HalfOpenProbe } from './half-open-probe.ts';
import type { Http1Transaction } from './transaction.ts';

/** Pipelined requests of one connection that may wait for their turn. */
const MAX_WAITING_PER_CONNECTION = 1000;
/** Pipelined requests that wait for their turn, over all connections of a worker: about 3 KB each. */
const MAX_WAITING = 16_384;
/**
 * For this long after one connection had too many, every connection may have only this many. Ending a connection takes
 * time for each request that it has sent: with a thousand requests on each of hundreds of connections, it blocked the
 * event loop for seconds.
 */
const STRICT_MS = 10_000;
const STRICT_MAX_WAITING = 64;
/** Above this many waiting requests, reading from the connection pauses. */
const PAUSE_READING_ABOVE = 32;

const SWEEP_MS = 5_000;

export interface ClientConnectionsOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** Requests of one connection that may be in progress at a time. */
  readonly maxPipelined: number;
  /** Begins a request whose turn has come. */
  readonly start: (x: Exchange) => void;
}

/** The client connections of a worker: which of their pipelined requests may begin. */
export class ClientConnections {
  readonly #options: ClientConnectionsOptions;
  readonly #probe: HalfOpenProbe;
  readonly #bySocket = new WeakMap<Socket, ClientConnection>();
  /** By address, for those that have connections. */
  readonly #loops = new Map<string, ClientLoop<ClientConnection>>();
  readonly #busy = new Set<ClientConnection>();
  #waiting = 0;
  #strictUntil = Number.NEGATIVE_INFINITY;
  #sweepTimer: Timer | undefined;

  constructor(options: ClientConnectionsOptions) {
    this.#options = options;
    this.#probe = new HalfOpenProbe(options.clock, options.bugs);
  }

  close(): void {
    this.#sweepTimer?.cancel();
  }

  /** The connection of a socket; created at the first call. */
  of(socket: Socket): ClientConnection {
    const known = this.#bySocket.get(socket);
    if (known !== undefined) return known;
    const { clock, bugs } = this.#options;
    const address = socket.remoteAddress ?? '';
    const made = new ClientConnection(socket, address, this.#loopOf(address), clock);
    this.#bySocket.set(socket, made);
    made.loop.opened(made, clock.now());
    this.#probe.watch(made);
    socket.on(
      'close',
      bugs.guard('connection', () => this.#closed(made)),
    );
    return made;
  }

  /** The request pattern of a client's address, kept while the address has connections. */
  #loopOf(address: string): ClientLoop<ClientConnection> {
    let loop = this.#loops.get(address);
    if (loop === undefined) {
      loop = new ClientLoop();
      this.#loops.set(address, loop);
    }
    return loop;
  }

  #closed(connection: ClientConnection): void {
    const { loop, address } = connection;
    loop.closed(connection);
    if (loop.open <= 0 && this.#loops.get(address) === loop) this.#loops.delete(address);
    this.#busy.delete(connection);
    this.#forget(connection);
  }

  /** Whether a request of this socket is in progress or waits. */
  isBusy(socket: Socket): boolean {
    return this.#bySocket.get(socket)?.isBusy === true;
  }

  /** Ends a busy connection that Node's server has detached; false if no reply is due on it. */
  abandon(socket: Socket): boolean {
    const connection = this.#bySocket.get(socket);
    if (connection?.isBusy !== true) return false;
    socket.destroy();
    connection.closeUnassigned();
    return true;
  }

  /** Watches the client of an upgrade, which has the connection for itself, until the tunnel is there. */
  watchUpgrade(transaction: Http1Transaction): void {
    const { socket, exchange } = transaction;
    this.#probe.watch({
      socket,
      get isBusy() {
        return !exchange.over && !exchange.tunnelled;
      },
      get mayContinue() {
        return transaction.mayContinue;
      },
      probe: () => transaction.probe(),
    });
  }

  /** Begins the request, or lets it wait for those before it; false if too many wait already. */
  enter(transaction: Http1Transaction): boolean {
    const connection = this.of(transaction.socket);
    transaction.exchange.clientBehaviour = connection;
    if (connection.isClosing) return true;
    if (connection.waiting.length === 0 && connection.admits(transaction, this.#options.maxPipelined)) {
      connection.begin(transaction);
      this.#busy.add(connection);
      this.#sweepTimer ??= this.#options.clock.setTimeout(() => this.#sweep(), SWEEP_MS);
      this.#options.start(transaction.exchange);
      return true;
    }
    const now = this.#options.clock.now();
    const most = now < this.#strictUntil ? STRICT_MAX_WAITING : MAX_WAITING_PER_CONNECTION;
    if (connection.waiting.length >= most || this.#waiting >= MAX_WAITING) {
      this.#strictUntil = now + STRICT_MS;
      return false;
    }
    connection.waiting.push(transaction);
    this.#waiting++;
    if (connection.waiting.length > PAUSE_READING_ABOVE) connection.socket.pause();
    return true;
  }

  /** A request has ended: its reply is complete, or its connection is gone. The requests that waited for it begin. */
  leave(transaction: Http1Transaction): void {
    const connection = this.#bySocket.get(transaction.socket);
    if (connection === undefined || !connection.end(transaction)) return;
    if (connection.socket.destroyed || connection.isClosing) {
      this.#forget(connection);
      return;
    }
    while (connection.waiting.length > 0) {
      const next = connection.waiting[0] as Http1Transaction;
      if (!connection.admits(next, this.#options.maxPipelined)) break;
      connection.waiting.shift();
      this.#waiting--;
      connection.begin(next);
      this.#options.start(next.exchange);
    }
    if (!connection.isBusy) this.#busy.delete(connection);
    if (connection.waiting.length <= PAUSE_READING_ABOVE && connection.socket.isPaused()) connection.socket.resume();
  }

  /** Ends the connections of clients that leave their replies unread. */
  #sweep(): void {
    const { clock, bugs } = this.#options;
    this.#sweepTimer = this.#busy.size > 0 ? clock.setTimeout(() => this.#sweep(), SWEEP_MS) : undefined;
    const now = clock.now();
    for (const connection of this.#busy) {
      try {
        if (connection.isStalled(now)) connection.socket.destroy();
      } catch (error) {
        bugs.report('connection', error);
        connection.socket.destroy();
      }
    }
  }

  #forget(connection: ClientConnection): void {
    this.#waiting -= connection.waiting.length;
    connection.waiting.length = 0;
  }
}
