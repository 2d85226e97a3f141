import type { Socket } from 'node:net';
import { ClientLoop } from '../../policy/admission/client-loop.ts';
import { RefusalPause } from '../../policy/admission/refusal-pause.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from './exchange.ts';
import { deliveredBytes } from './delivered-bytes.ts';

/** Pipelined requests of one connection that may wait for their turn. */
const MAX_WAITING_PER_CONNECTION = 1000;
/** Pipelined requests that wait for their turn, over all connections of a worker: about 3 KB each. */
const MAX_WAITING = 16_384;
/**
 * For so long after a connection had too many, every connection may have this many only. Ending one costs time for each
 * request that it has sent: done a thousand times for hundreds of connections, it held the event loop for seconds.
 */
const STRICT_MS = 10_000;
const STRICT_MAX_WAITING = 64;
/** Above this many waiting requests no more is read from the connection. */
const PAUSE_READING_ABOVE = 32;

/** How long a client may leave a reply unread, without taking a byte. */
const STALL_LIMIT_MS = 75_000;
const SWEEP_MS = 5_000;
/** How long after the end of a client's side it is asked whether the client is there, and how the wait grows. */
const FIRST_PROBE_MS = 10;
const LONGEST_PROBE_MS = 10_000;
/** A reply that says nothing for so long to a client that has ended its side is for nobody. */
const SILENT_PROBE_MS = 4000;

export interface ClientConnectionsOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** Requests of one connection that may be in progress at a time. */
  readonly maxPipelined: number;
  /** Begins a request whose turn has come. */
  readonly start: (exchange: Exchange) => void;
}

/** The client connections of a worker: which of their pipelined requests may begin. */
export class ClientConnections {
  readonly #options: ClientConnectionsOptions;
  readonly #bySocket = new WeakMap<Socket, ClientConnection>();
  /** By address, for those that have connections. */
  readonly #loops = new Map<string, ClientLoop<ClientConnection>>();
  readonly #busy = new Set<ClientConnection>();
  #waiting = 0;
  #strictUntil = Number.NEGATIVE_INFINITY;
  #sweepTimer: Timer | undefined;

  constructor(options: ClientConnectionsOptions) {
    this.#options = options;
  }

  close(): void {
    this.#sweepTimer?.cancel();
  }

  /** The connection of a socket; made when it is asked for first. */
  of(socket: Socket): ClientConnection {
    let connection = this.#bySocket.get(socket);
    if (connection === undefined) {
      const made = new ClientConnection(socket, this.#join(socket), this.#options.clock);
      connection = made;
      this.#bySocket.set(socket, made);
      made.loop.opened(made, this.#options.clock.now());
      socket.on('end', () => this.#halfClosed(made, FIRST_PROBE_MS));
      socket.on('close', () => {
        this.#busy.delete(made);
        this.#forget(made);
      });
    }
    return connection;
  }

  /** The loop of the client's address, until the connection closes. */
  #join(socket: Socket): ClientLoop<ClientConnection> {
    const address = socket.remoteAddress ?? '';
    let loop = this.#loops.get(address);
    if (loop === undefined) {
      loop = new ClientLoop();
      this.#loops.set(address, loop);
    }
    const joined = loop;
    socket.once('close', () => {
      const connection = this.#bySocket.get(socket);
      if (connection !== undefined) joined.closed(connection);
      if (joined.open <= 0 && this.#loops.get(address) === joined) this.#loops.delete(address);
    });
    return joined;
  }

  /** Whether a request of this socket is in progress or waits. */
  isBusy(socket: Socket): boolean {
    return this.#bySocket.get(socket)?.isBusy === true;
  }

  /** Ends a busy connection that Node's server has let go of; false if it owes no reply. */
  abandon(socket: Socket): boolean {
    const connection = this.#bySocket.get(socket);
    if (connection?.isBusy !== true) return false;
    socket.destroy();
    connection.closeUnassigned();
    return true;
  }

  /** Watches the client of an upgrade, which has the connection for itself, until the tunnel is there. */
  watchUpgrade(exchange: Exchange): void {
    const { socket } = exchange.req;
    const client: Probed = {
      socket,
      get isBusy() {
        return !exchange.over && !exchange.tunnelled;
      },
      get canBeAsked() {
        return canBeAsked(exchange);
      },
      probe: () => probe(exchange),
    };
    socket.on('end', () => this.#halfClosed(client, FIRST_PROBE_MS));
  }

  /** Begins the request, or has it wait for those before it; false: too many wait already. */
  enter(exchange: Exchange): boolean {
    const connection = this.of(exchange.req.socket);
    exchange.connection = connection;
    if (connection.waiting.length === 0 && connection.admits(exchange, this.#options.maxPipelined)) {
      connection.begin(exchange);
      this.#busy.add(connection);
      this.#sweepTimer ??= this.#options.clock.setTimeout(() => this.#sweep(), SWEEP_MS);
      this.#options.start(exchange);
      return true;
    }
    const now = this.#options.clock.now();
    const most = now < this.#strictUntil ? STRICT_MAX_WAITING : MAX_WAITING_PER_CONNECTION;
    if (connection.waiting.length >= most || this.#waiting >= MAX_WAITING) {
      this.#strictUntil = now + STRICT_MS;
      return false;
    }
    connection.waiting.push(exchange);
    this.#waiting++;
    if (connection.waiting.length > PAUSE_READING_ABOVE) connection.socket.pause();
    return true;
  }

  /** A request has ended: its reply is out, or its connection is gone. Those that waited for it begin. */
  leave(exchange: Exchange): void {
    const connection = this.#bySocket.get(exchange.req.socket);
    if (connection === undefined || !connection.end(exchange)) return;
    if (connection.socket.destroyed) {
      this.#forget(connection);
      return;
    }
    while (connection.waiting.length > 0) {
      const next = connection.waiting[0] as Exchange;
      if (!connection.admits(next, this.#options.maxPipelined)) break;
      connection.waiting.shift();
      this.#waiting--;
      connection.begin(next);
      this.#options.start(next);
    }
    if (!connection.isBusy) this.#busy.delete(connection);
    if (connection.waiting.length <= PAUSE_READING_ABOVE && connection.socket.isPaused()) connection.socket.resume();
  }

  /**
   * A client has ended its side. It may wait for the reply (RFC 9112 §9.6 has no rule against it), or it may be gone:
   * only sending something tells. A `100 Continue` is nothing to a client that is there, and makes the kernel of one
   * that is gone reset the connection. The next write meets the reset, as nothing is read any more, and cancels the
   * request: hence the short waits at first. Within a reply, and in HTTP/1.0, nothing can be sent but the reply: a client
   * to which that has said nothing for some seconds counts as gone.
   */
  #halfClosed(client: Probed, waitMs: number): void {
    const before = deliveredBytes(client.socket);
    this.#options.clock.setTimeout(() => {
      const { socket } = client;
      if (socket.destroyed || !client.isBusy) return;
      const isSilent = deliveredBytes(socket) === before && socket.writableLength === 0;
      if (isSilent && waitMs >= SILENT_PROBE_MS && !client.canBeAsked) socket.destroy();
      else client.probe();
      this.#halfClosed(client, Math.min(LONGEST_PROBE_MS, waitMs * 2));
    }, waitMs);
  }

  /** Ends the connections of clients that leave what they asked for unread. */
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

/** A client that may have ended its side. */
interface Probed {
  readonly socket: Socket;
  /** Whether it is owed a reply. */
  readonly isBusy: boolean;
  /** Whether it may be sent a `100 Continue`: not within a reply, and not in HTTP/1.0. */
  readonly canBeAsked: boolean;
  probe(): void;
}

/** Whether the reply is the next on its connection, and may still have a 1xx before it. */
function canBeAsked({ req, res }: Exchange): boolean {
  return res.socket !== null && !res.headersSent && req.httpVersionMinor === 1;
}

/** Finds out whether the client of a request, which has ended its side, is still there. */
function probe(x: Exchange): void {
  if (x.isEndless) x.req.socket.destroy();
  else if (canBeAsked(x)) x.res.writeContinue();
}

/** One connection of a client. */
export class ClientConnection {
  readonly socket: Socket;
  /** Requests that have not begun, in the order in which they came. */
  readonly waiting: Exchange[] = [];
  readonly refusalPause = new RefusalPause();
  readonly #inProgress = new Set<Exchange>();
  readonly loop: ClientLoop<ClientConnection>;
  readonly #clock: Clock;
  #unsafe = 0;
  #delivered = 0;
  #deliveredAt = 0;

  constructor(socket: Socket, loop: ClientLoop<ClientConnection>, clock: Clock) {
    this.socket = socket;
    this.loop = loop;
    this.#clock = clock;
  }

  get isBusy(): boolean {
    return this.#inProgress.size > 0 || this.waiting.length > 0;
  }

  get canBeAsked(): boolean {
    for (const x of this.#inProgress) if (canBeAsked(x)) return true;
    return false;
  }

  /**
   * Whether a request may begin beside those in progress. After an unsafe one nothing further is begun before its reply
   * (RFC 9112 §9.3.2), and an unsafe one waits for all before it, so that they have the effect of their order.
   */
  admits(exchange: Exchange, maxInProgress: number): boolean {
    if (this.#inProgress.size === 0) return true;
    return exchange.isSafe && this.#unsafe === 0 && this.#inProgress.size < maxInProgress;
  }

  begin(exchange: Exchange): void {
    this.#inProgress.add(exchange);
    this.loop.busy(this);
    if (!exchange.isSafe) this.#unsafe++;
  }

  probe(): void {
    for (const x of this.#inProgress) probe(x);
  }

  /** Whether replies wait in this process, and the client has not taken a byte of them for too long. */
  isStalled(now: number): boolean {
    const delivered = deliveredBytes(this.socket);
    if (delivered !== this.#delivered || this.socket.writableLength === 0) {
      this.#delivered = delivered;
      this.#deliveredAt = now;
    }
    return now - this.#deliveredAt > STALL_LIMIT_MS;
  }

  /** Ends the replies that wait for the connection: nobody else tells them that it is gone. */
  closeUnassigned(): void {
    for (const { res } of this.#inProgress) {
      if (res.socket !== null) continue;
      res.destroy();
      res.emit('close');
    }
  }

  /** False if it was not in progress. */
  end(exchange: Exchange): boolean {
    if (!this.#inProgress.delete(exchange)) return false;
    if (!exchange.isSafe) this.#unsafe--;
    if (this.#inProgress.size === 0 && !this.socket.destroyed) this.loop.idle(this, this.#clock.now());
    return true;
  }
}
