import {
  createServer,
  type Http2Server as NodeHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import { FloodMemory } from './flood-memory.ts';
import { translate } from './request-lines.ts';
import { ClientSession } from './session.ts';
import { Http2Transaction } from './transaction.ts';

const SWEEP_MS = 1000;
/** Fraction by which the age of each connection varies at random, as for HTTP/1.1. */
const AGE_SPREAD = 0.1;
/** Bytes of all request bodies of a connection that may be on their way, so that one unread body does not stop others. */
const SESSION_WINDOW_BYTES = 1024 * 1024;

/**
 * Every limit of Node and nghttp2 that there is, because their defaults are for peers that are trusted. Of streams that a
 * client resets, or makes the server reset, it has a bucket of 100 that fills with 20 a second (CVE-2023-44487).
 */
const limits = {
  maxDeflateDynamicTableSize: 4096,
  maxSettings: 32,
  maxSessionMemory: 8,
  maxHeaderListPairs: 200,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  streamResetBurst: 100,
  streamResetRate: 20,
  peerMaxConcurrentStreams: 100,
  settings: {
    maxConcurrentStreams: 100,
    maxHeaderListSize: 16 * 1024,
    headerTableSize: 4096,
    initialWindowSize: 256 * 1024,
    maxFrameSize: 16 * 1024,
    // WebSockets stay on HTTP/1.1.
    enableConnectProtocol: false,
  },
} as const;

export interface Http2Options {
  readonly clock: Clock;
  readonly random: Random;
  readonly bugs: Bugs;
  readonly keepAliveTimeoutMs: number;
  /** The age at which a connection gets no new requests; 0: none. */
  readonly maxAgeMs: number;
  readonly bindsHostToName: boolean;
  readonly isDraining: () => boolean;
  /** Makes the exchange of a request that has come. */
  readonly open: (transaction: Http2Transaction) => Exchange;
  readonly start: (x: Exchange) => void;
}

/** The HTTP/2 server of a worker, for connections that chose it in their TLS handshake. */
export class Http2Server {
  readonly server: NodeHttp2Server;
  /** Says which addresses may use it. */
  readonly floods: FloodMemory;
  readonly #options: Http2Options;
  readonly #sessions = new Map<ServerHttp2Session, ClientSession>();
  /** A connection whose session Node is about to make. */
  #arriving: TLSSocket | undefined;
  #timer: Timer | undefined;

  constructor(options: Http2Options) {
    this.#options = options;
    this.floods = new FloodMemory(options.clock);
    this.server = this.#createServer();
  }

  /** Takes a connection whose TLS handshake is complete. */
  accept(socket: TLSSocket): void {
    this.#arriving = socket;
    this.server.emit('connection', socket);
    this.#arriving = undefined;
  }

  /** No connection takes further requests; those without any end. */
  closeIdle(): void {
    for (const session of this.#sessions.values()) session.close();
  }

  dropAll(): void {
    for (const session of this.#sessions.values()) session.destroy();
  }

  #createServer(): NodeHttp2Server {
    const { bugs } = this.#options;
    const server = createServer({ ...limits, settings: { ...limits.settings } });
    const joined = (session: ServerHttp2Session): void => this.#joined(session);
    server.on(
      'session',
      bugs.guard('http2', joined, (session) => session.destroy()),
    );
    type OnStream = (stream: ServerHttp2Stream, headers: unknown, flags: number, raw: string[]) => void;
    const request: OnStream = (stream, _headers, _flags, raw) => this.#request(stream, raw);
    server.on(
      'stream',
      bugs.guard('http2', request, (stream) => stream.destroy()),
    );
    // Sessions report their errors here; their close follows.
    server.on('sessionError', () => {});
    return server;
  }

  #joined(session: ServerHttp2Session): void {
    const socket = this.#arriving;
    if (socket === undefined) throw new Error('a session of HTTP/2 came without its connection');
    const { clock, random, maxAgeMs, bugs } = this.#options;
    const ageMs = maxAgeMs === 0 ? Number.POSITIVE_INFINITY : maxAgeMs * (1 - AGE_SPREAD + 2 * AGE_SPREAD * random());
    const joined = new ClientSession(session, socket, { ...this.#options, oldAt: clock.now() + ageMs });
    this.#sessions.set(session, joined);
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on(
      'error',
      bugs.guard('http2', (error: unknown) => joined.failed(error)),
    );
    session.on(
      'close',
      bugs.guard('http2', () => this.#left(session, joined)),
    );
    this.#timer ??= clock.setTimeout(() => this.#sweep(), SWEEP_MS);
  }

  #left(session: ServerHttp2Session, joined: ClientSession): void {
    this.#sessions.delete(session);
    if (joined.wasFlood) this.floods.flooded(joined.peerAddress);
  }

  /**
   * Begins in the next turn of the event loop: a request that its client resets in the same read (rapid reset) then never
   * begins. Begun and cancelled, each would cost a connection to a backend.
   */
  #request(stream: ServerHttp2Stream, raw: readonly string[]): void {
    stream.on('error', () => {});
    const begin = (): void => this.#begin(stream, raw);
    setImmediate(this.#options.bugs.guard('http2', begin, () => stream.destroy()));
  }

  #begin(stream: ServerHttp2Stream, raw: readonly string[]): void {
    const session = stream.session === undefined ? undefined : this.#sessions.get(stream.session as ServerHttp2Session);
    if (session === undefined || stream.closed || stream.destroyed) {
      session?.sawReset();
      return;
    }
    const { open, start, isDraining } = this.#options;
    const transaction = new Http2Transaction(stream, translate(raw), session);
    session.begin(transaction);
    const x = open(transaction);
    x.clientBehaviour = session;
    if (isDraining()) session.announceEnd();
    else if (session.isOld) session.close();
    start(x);
  }

  #sweep(): void {
    const { clock, bugs, isDraining } = this.#options;
    for (const session of this.#sessions.values()) {
      try {
        session.check();
        if (isDraining()) session.announceEnd();
      } catch (error) {
        bugs.report('http2', error);
        session.destroy();
      }
    }
    this.#timer = this.#sessions.size > 0 ? clock.setTimeout(() => this.#sweep(), SWEEP_MS) : undefined;
  }

  close(): void {
    this.#timer?.cancel();
  }
}
