import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientConnection } from './client-connections.ts';
import { clientNetwork } from './client-network.ts';
import type { EndpointMetrics } from './gateway-metrics.ts';
import { type RequestHead, unreadHead } from './hygiene.ts';
import { type Priority, priorityOf } from '../policy/admission/priority.ts';
import type { RateLimit } from '../policy/rate/gcra.ts';
import type { Refusal } from './refusal.ts';
import { hundredths } from './hundredths.ts';

/** Who asks: a key that was found valid. */
export interface KeyIdentity {
  readonly id: string;
  readonly name: string;
  readonly priority?: Priority | undefined;
  /** Its own; the configuration's `keyLimit` where it has none. */
  readonly limit?: RateLimit | undefined;
}

/**
 * Something that a client that leaves gives up. Kept as the object that does it: a fresh closure for each request in
 * this place made V8 keep every request until the next full collection (a sixth of the processor time, measured).
 */
export interface Underway {
  /** `refusal`: how the request ends; as one whose client left, if not said. */
  giveUp(refusal?: Refusal): void;
}

/** RFC 9110 §9.2.1: methods that change nothing. */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** What an exchange asks of the gateway that it belongs to. */
export interface ExchangeGateway {
  readonly unmatched: EndpointMetrics;
  readonly trustedProxies: ReadonlySet<string>;
  readonly isDraining: () => boolean;
  /** Whether a connection has served for long enough: this reply is its last. */
  readonly isOld: (connection: Socket) => boolean;
}

/** One request with its reply, and what the path has learnt of it so far. */
export class Exchange {
  readonly #gateway: ExchangeGateway;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Its client's connection; undefined for an upgrade, which has the connection for itself. */
  connection: ClientConnection | undefined;
  id = '';
  traceparent = '';
  /** Empty until the request has been read. */
  head: RequestHead = unreadHead;
  metrics: EndpointMetrics;
  /** The value of the path's parameter, decoded. */
  parameter = '';
  key: KeyIdentity | undefined;
  routePriority: Priority | undefined;
  /** Milliseconds in the queue of the upstream. */
  waitMs = 0;
  /** Milliseconds until control gave a permit for which others had no use. */
  permitMs = 0;
  /** Milliseconds for which another request's reply was waited for, until its head was there. */
  flightMs = 0;
  /** Milliseconds that the backend took until its head was there, or a local handler until its reply. */
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  /** What the backend itself said of its time, already as Server-Timing entries. */
  backendTiming = '';
  cacheStatus = '';
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false;
  closeAfterReply = false;
  /** There when the client asks for a WebSocket: its connection, and what it has sent behind the request. */
  upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** The connection has become a tunnel: the reply was 101, and has been delivered. */
  tunnelled = false;
  /** The client is gone, or everything has been said: nothing may be written any more. */
  over = false;
  /** Why the request failed, where it did not end well; recorded with it. */
  failure: string | undefined;
  /** What is being waited for, if anything. An object, not a closure: see Underway. */
  underway: Underway | undefined;
  /** Called once at the very end, with whether the client got all of the reply. */
  onClose: ((delivered: boolean) => void) | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, startedAt: number, gateway: ExchangeGateway) {
    this.req = req;
    this.res = res;
    this.startedAt = startedAt;
    this.metrics = gateway.unmatched;
    this.#gateway = gateway;
  }

  /** Whether the method changes nothing. */
  get isSafe(): boolean {
    return safeMethods.has(this.req.method ?? '');
  }

  /** Asks for the body, if the client waits to be asked. */
  sendContinue(): void {
    if (!this.expectsContinue) return;
    this.expectsContinue = false;
    this.res.writeContinue();
  }

  /** Whether the reply's head has been written. */
  get replyBegun(): boolean {
    return this.res.headersSent;
  }

  /** Ends a reply that will not be whole, so that nobody takes it for whole. */
  cutReply(): void {
    // To an HTTP/1.0 client the end of the connection is the end of the reply: only a reset says that it is not whole.
    if (this.req.httpVersionMinor === 0) this.req.socket.resetAndDestroy();
    else this.res.destroy();
  }

  /** Its class in the queue; its route can make it bulk too, and so does a client that ignores every `Retry-After`. */
  get priority(): Priority {
    if (this.isImpatient) return 'bulk';
    return priorityOf(this.key?.priority, this.routePriority, this.head.priority);
  }

  /** Its client comes back at once from every refusal. */
  get isImpatient(): boolean {
    return this.connection?.refusalPause.isImpatient(this.startedAt) === true;
  }

  /** Requests of one key share what they get; without a key, those of one address. */
  get fairKey(): string {
    return this.key?.id ?? clientNetwork(this, this.#gateway.trustedProxies);
  }

  /** Adds what every reply carries. `headers`: name, value, name, value. */
  addCommonHeaders(headers: string[]): void {
    headers.push('x-request-id', this.id, 'server-timing', this.#serverTiming());
    if (this.cacheStatus !== '') headers.push('cache-status', this.cacheStatus);
  }

  /** Writes the head of the reply. `headers`: name, value, name, value. */
  writeHead(status: number, headers: string[]): void {
    this.addCommonHeaders(headers);
    // A body that was announced and not asked for will never be read: the connection has no next request.
    if (
      this.closeAfterReply ||
      this.expectsContinue ||
      this.#gateway.isDraining() ||
      this.#gateway.isOld(this.req.socket)
    )
      headers.push('connection', 'close');
    this.res.writeHead(status, headers);
  }

  /** Replies with a body that is there as a whole. */
  reply(status: number, headers: string[], body: string | Uint8Array): void {
    if (this.over) return;
    if (status !== 204 && status !== 304) headers.push('content-length', String(Buffer.byteLength(body)));
    this.writeHead(status, headers);
    this.res.end(body);
  }

  #serverTiming(): string {
    const wait = hundredths(this.waitMs);
    const exec = hundredths(this.execMs);
    const waits = this.waitMs + this.permitMs + this.flightMs;
    let timing = `wait;dur=${waits === this.waitMs ? wait : hundredths(waits)}, exec;dur=${exec}`;
    if (this.permitMs > 0) timing += `, wait-permit;dur=${hundredths(this.permitMs)}`;
    if (this.flightMs > 0) timing += `, wait-flight;dur=${hundredths(this.flightMs)}`;
    if (this.execPhase === 'upstream') timing += `, wait-queue;dur=${wait}, exec-upstream;dur=${exec}`;
    else if (this.execPhase === 'database') timing += `, exec-database;dur=${exec}`;
    return this.backendTiming === '' ? timing : `${timing}, ${this.backendTiming}`;
  }
}
