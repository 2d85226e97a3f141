import type { AddressSet } from '../../core/addresses.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { rawHeader } from '../../core/raw-headers.ts';
import { clientNetwork } from './client-network.ts';
import type { EndpointMetrics } from '../metrics.ts';
import { type RequestHead, unreadHead } from './request-head.ts';
import type { RefusalPause } from '../../policy/admission/refusal-pause.ts';
import { type Priority, priorityOf } from '../../policy/admission/priority.ts';
import type { RateLimit } from '../../protocol/tokens.ts';
import type { Refusal } from '../refusal.ts';
import { hundredths } from './hundredths.ts';
import { LingeringEnd } from './lingering-end.ts';

/** A valid key, which identifies the client. */
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

/** Something that a request holds until it ends. */
export interface Releasable {
  release(): void;
}

/** How the client of a connection takes refusals, and whether it waits for its replies. */
export interface ClientBehaviour {
  readonly refusalPause: RefusalPause;
  readonly loop: { isClosed(now: number): boolean };
}

/** The parts of the gateway that an exchange needs. */
export interface ExchangeGateway {
  readonly unmatched: EndpointMetrics;
  readonly trustedProxies: AddressSet;
  readonly isDraining: () => boolean;
  /** The name of this gateway in Via; empty: none is written. */
  readonly viaName: string;
  /** Whether replies say where the time went. */
  readonly serverTiming: boolean;
  /** Whether a connection has served for long enough: this reply is its last. */
  readonly isOld: (connection: Socket) => boolean;
  readonly clock: Clock;
}

/** One request with its reply, and what the path has learnt of it so far. */
export class Exchange {
  readonly #gateway: ExchangeGateway;
  #held: Releasable[] | undefined;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** When a body that is received before the request goes on was complete; the backend's time counts from there. */
  readyAt: number;
  /** How the client behaves; undefined for an upgrade, which has the connection for itself. */
  connection: ClientBehaviour | undefined;
  id = '';
  /** Empty: the client has sent none that can be read. */
  traceparent = '';
  /** This gateway's entry in Via; empty where it is switched off. */
  via = '';
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
  coalescedMs = 0;
  /** Milliseconds that the backend took until its head was there, or a local handler until its reply. */
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  /** The backend's own times, as Server-Timing entries. */
  backendTiming = '';
  cacheStatus = '';
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false;
  closeAfterReply = false;
  /** The reply may be silent for as long as it likes: a client that ends its side has left, as nothing else would tell. */
  isEndless = false;
  /** There when the client asks for a WebSocket: its connection, and what it has sent behind the request. */
  upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** The connection has become a tunnel: the reply was 101, and has been delivered. */
  tunnelled = false;
  /** The reply has begun, and what has come of it is held back for a moment. */
  isReplyHeld = false;
  /** The client is gone, or everything has been said: nothing may be written any more. */
  over = false;
  /** Why the request failed, where it did not end well; recorded with it. */
  failure: string | undefined;
  /** The work that the request waits for, if any. An object, not a closure: see Underway. */
  underway: Underway | undefined;
  /** Called once at the very end, with whether the client got all of the reply. */
  onClose: ((delivered: boolean) => void) | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, startedAt: number, gateway: ExchangeGateway) {
    this.req = req;
    this.res = res;
    this.startedAt = startedAt;
    this.readyAt = startedAt;
    this.metrics = gateway.unmatched;
    if (gateway.viaName !== '') this.via = `1.${req.httpVersionMinor} ${gateway.viaName}`;
    this.#gateway = gateway;
  }

  /** Whether this gateway has passed the request on before. */
  get isLoop(): boolean {
    const { viaName } = this.#gateway;
    return viaName !== '' && this.head.via?.includes(viaName) === true;
  }

  /** Whether the method changes nothing. */
  get isSafe(): boolean {
    return safeMethods.has(this.req.method ?? '');
  }

  /** Gives something back when the request has ended; at once where it has ended already. */
  releaseAtEnd(resource: Releasable): void {
    if (this.over) resource.release();
    else (this.#held ??= []).push(resource);
  }

  /** The request has ended. */
  releaseAll(): void {
    if (this.#held === undefined) return;
    for (const resource of this.#held.splice(0)) resource.release();
  }

  /** Asks for the body, if the client waits to be asked. */
  sendContinue(): void {
    if (!this.expectsContinue) return;
    this.expectsContinue = false;
    this.res.writeContinue();
  }

  /** Whether the reply's head has been written, or will be. */
  get replyBegun(): boolean {
    return this.isReplyHeld || this.res.headersSent;
  }

  /** Ends a reply that will not be whole, so that nobody takes it for whole. */
  cutReply(): void {
    if (this.res.writableEnded) return;
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
    return this.key?.id ?? clientNetwork(this.req.socket.remoteAddress, this.head, this.#gateway.trustedProxies);
  }

  /** Adds what every reply carries. `headers`: name, value, name, value. */
  addCommonHeaders(headers: string[]): void {
    headers.push('x-request-id', this.id);
    if (this.#gateway.serverTiming) headers.push('server-timing', this.#serverTiming());
    if (this.cacheStatus !== '') headers.push('cache-status', this.cacheStatus);
  }

  /** Writes the head of the reply. `headers`: name, value, name, value. */
  writeHead(status: number, headers: string[]): void {
    this.addCommonHeaders(headers);
    // A body that was announced and not asked for will never be read: the connection has no next request.
    if (this.#closes || hasLongRest(this)) {
      this.closeAfterReply = true;
      if (rawHeader(headers, 'connection') === undefined) headers.push('connection', 'close');
    }
    this.res.writeHead(status, headers);
  }

  get #closes(): boolean {
    const { isDraining, isOld } = this.#gateway;
    return this.closeAfterReply || this.expectsContinue || isDraining() || isOld(this.req.socket);
  }

  /** Passes a 1xx reply on. HTTP/1.0 has none (RFC 9110 §15.2). `headers`: name, value, name, value. */
  writeInformational(status: number, headers: readonly string[]): void {
    if (this.over || this.res.headersSent || this.req.httpVersionMinor === 0) return;
    // Not `writeEarlyHints`: that throws for many a Link that RFC 8288 allows, such as two links in one field.
    this.res.writeInformation(status, headers);
  }

  /**
   * Ends the reply. On a connection that is to be closed while the request still comes, what is left of that is read
   * away first: closed with bytes unread, the kernel would reset the connection, and the client could lose the reply
   * (RFC 9112 §9.6).
   */
  endReply(data?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): void {
    const { req, res } = this;
    const { chunked, contentLength } = this.head;
    const hasBody = chunked || contentLength !== 0;
    if (req.complete || !hasBody || !this.closeAfterReply || this.expectsContinue) {
      if (typeof data === 'string') res.end(data, encoding);
      else res.end(data);
      return;
    }
    res.flushHeaders();
    if (typeof data === 'string') res.write(data, encoding);
    else if (data !== undefined && data.length > 0) res.write(data);
    new LingeringEnd(req, res, this.#gateway.clock).start();
  }

  /** Replies with a body that is there as a whole. */
  reply(status: number, headers: string[], body: string | Uint8Array): void {
    if (this.over) return;
    if (status !== 204 && status !== 304) headers.push('content-length', String(Buffer.byteLength(body)));
    this.writeHead(status, headers);
    this.endReply(body);
  }

  #serverTiming(): string {
    const wait = hundredths(this.waitMs);
    const exec = hundredths(this.execMs);
    const waits = this.waitMs + this.permitMs + this.coalescedMs;
    let timing = `wait;dur=${waits === this.waitMs ? wait : hundredths(waits)}, exec;dur=${exec}`;
    if (this.permitMs > 0) timing += `, wait-permit;dur=${hundredths(this.permitMs)}`;
    if (this.coalescedMs > 0) timing += `, wait-coalesced;dur=${hundredths(this.coalescedMs)}`;
    if (this.execPhase === 'upstream') timing += `, wait-queue;dur=${wait}, exec-upstream;dur=${exec}`;
    else if (this.execPhase === 'database') timing += `, exec-database;dur=${exec}`;
    return this.backendTiming === '' ? timing : `${timing}, ${this.backendTiming}`;
  }
}

/** A body that nobody wants is read away to save the connection, as long as that is cheaper than a new one. */
const MAX_DISCARDED_BYTES = 64 * 1024;

function hasLongRest({ req, head }: Exchange): boolean {
  if (req.complete) return false;
  return head.chunked || (head.contentLength ?? 0) > MAX_DISCARDED_BYTES;
}
