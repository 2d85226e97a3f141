import type { ErrorPages, RouteConfig } from '../config/model.ts';
import type { AddressSet } from '../core/addresses.ts';
import { clientNetwork } from './http/client-network.ts';
import type { CacheResult, EndpointMetrics, SideMetrics } from './metrics.ts';
import type { Refusal } from './refusal.ts';
import { type RequestHead, unreadHead } from './http/request-head.ts';
import type { RefusalPause } from '../policy/admission/refusal-pause.ts';
import { type Priority, priorityOf } from '../policy/admission/priority.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import type { ClientReply, ReplyOwner } from './http/client-reply.ts';
import type { ClientRequest } from './http/client-request.ts';
import type { Cancellable } from './upstream/cancellable.ts';
import { decodeSegment } from './http/path-form.ts';
import type { ReplyChange } from './http/reply-change.ts';
import type { ExchangeTrace } from './upstream/call-trace.ts';
import { hundredths } from './http/hundredths.ts';

/** A valid key, which identifies the client. */
export interface KeyIdentity {
  readonly id: string;
  readonly name: string;
  readonly priority?: Priority | undefined;
  /** Header lines about the client that the backend gets. */
  readonly headers?: readonly string[];
  /** The endpoints that it may use; undefined: all. */
  readonly scopes?: ReadonlySet<string> | undefined;
  /** Refused from then on, in milliseconds since the epoch. */
  readonly expiresAtMs?: number | undefined;
  /** The key's own limit; the configuration's `keyLimit` if it has none. */
  readonly limit?: RateLimit | undefined;
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
  /** The name of this gateway in Via; if empty, no Via is written. */
  readonly viaName: string;
  /** Whether replies carry Server-Timing. */
  readonly serverTiming: boolean;
  /** Called when a request that has begun ends. */
  readonly ended: (x: Exchange) => void;
}

/** One request with its reply, and the findings of the path about it so far. */
export class Exchange implements ReplyOwner {
  #gateway: ExchangeGateway;
  #held: Releasable[] | undefined;
  readonly request: ClientRequest;
  /** A route may put a reply in front of it that changes the body. */
  reply: ClientReply;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** When a body that is received before the request goes on was complete; the backend's time counts from there. */
  readyAt: number;
  /** How the client behaves; undefined for an upgrade, which has the connection for itself. */
  clientBehaviour: ClientBehaviour | undefined;
  id = '';
  /** Empty if the client has sent no valid one. */
  traceparent = '';
  /** Undefined where requests are not traced. */
  trace: ExchangeTrace | undefined;
  /** This gateway's entry in Via; empty where it is switched off. */
  via = '';
  /** Empty until the request has been read. */
  head: RequestHead = unreadHead;
  metrics: EndpointMetrics;
  /** The values of the path's parameters as received, in order. */
  pathValues: readonly string[] = [];
  /** Changes the header lines of the reply, by the rules of the route. */
  replyChange: ReplyChange | undefined;
  /** Header lines that the route adds to its reply: name, value, name, value. */
  addedLines: readonly string[] | undefined;
  /** Sees the header lines of the reply before they are changed. */
  onReplyHead: ((lines: readonly string[]) => void) | undefined;
  /** Pages in place of problem replies, for clients that prefer HTML. */
  errorPages: ErrorPages | undefined;
  key: KeyIdentity | undefined;
  /** The route of the configuration file; undefined for Rampart's own routes, and before one is found. */
  route: RouteConfig | undefined;
  /** The instruments of its upstream, on a route with several. */
  side: SideMetrics | undefined;
  routePriority: Priority | undefined;
  /** The upstream that was asked, the backend of the last attempt, and how many attempts there were. */
  upstream = '';
  backend = '';
  attempts = 0;
  /** Milliseconds in the queue of the upstream, without those of `permitMs`. */
  queueMs = 0;
  /** Milliseconds in the queue that ended with a permit from control, which no other worker needed. */
  permitMs = 0;
  /** Milliseconds spent waiting for the head of another request's reply. */
  coalescedMs = 0;
  /** Milliseconds from the dispatch to the head of the backend's reply, or to the reply of a local handler. */
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  /** The backend's own times, as Server-Timing entries. */
  backendTiming = '';
  cacheStatus = '';
  cacheResult: CacheResult | undefined;
  /**
   * The silence of the reply has no limit. A client that ends its side then counts as gone, because nothing else would
   * show that it left.
   */
  isEndless = false;
  /** The connection has become a tunnel: the 101 has been delivered. */
  tunnelled = false;
  /** The reply has begun, and its first part is held back for a moment. */
  isReplyHeld = false;
  /** The client is gone, or the reply is complete: nothing more may be written. */
  over = false;
  /** The reason for a failure; recorded with the request. */
  failure: string | undefined;
  /** What the gateway refused the request with. */
  refusal: Refusal | undefined;
  /** The work that the request waits for, if any. */
  underway: Cancellable | undefined;
  /** Called once at the very end, with whether the client got all of the reply. */
  onClose: ((delivered: boolean) => void) | undefined;

  /** `client`: the request, and where its reply goes. */
  constructor(client: ClientRequest & ClientReply, startedAt: number, gateway: ExchangeGateway) {
    this.request = client;
    this.reply = client;
    this.startedAt = startedAt;
    this.readyAt = startedAt;
    this.metrics = gateway.unmatched;
    if (gateway.viaName !== '') this.via = `${client.version} ${gateway.viaName}`;
    this.#gateway = gateway;
  }

  /** The request begins, with the parts of the configuration that is in force now. */
  serveBy(gateway: ExchangeGateway): void {
    this.#gateway = gateway;
  }

  /** Milliseconds of all phases in which it waited. */
  get waitMs(): number {
    return this.queueMs + this.permitMs + this.coalescedMs;
  }

  /** Whether this gateway has passed the request on before. */
  get isLoop(): boolean {
    const { viaName } = this.#gateway;
    return viaName !== '' && this.head.via?.includes(viaName) === true;
  }

  /** The value of the path's first parameter, decoded; empty if it has none. */
  get parameter(): string {
    return decodeSegment(this.pathValues[0] ?? '');
  }

  /** Whether the method changes nothing. */
  get isSafe(): boolean {
    return safeMethods.has(this.request.method);
  }

  /** Releases something when the request has ended; at once if it has ended already. */
  releaseAtEnd(resource: Releasable): void {
    if (this.over) resource.release();
    else (this.#held ??= []).push(resource);
  }

  /** The request has ended. */
  releaseAll(): void {
    if (this.#held === undefined) return;
    for (const resource of this.#held.splice(0)) resource.release();
  }

  /** Whether the reply's head has been written, or will be. */
  get replyBegun(): boolean {
    return this.isReplyHeld || this.reply.headSent;
  }

  /** The reply is complete, or the client has gone. */
  closed(): void {
    this.#gateway.ended(this);
  }

  /** Cuts a reply that cannot be completed. */
  cutReply(): void {
    if (!this.reply.ended) this.reply.cut();
  }

  /** Its class in the queue. Its route can make it bulk, too; so can a client that ignores every `Retry-After`. */
  get priority(): Priority {
    if (this.isImpatient) return 'bulk';
    return priorityOf(this.key?.priority, this.routePriority, this.head.priority);
  }

  /** Its client retries at once after every refusal. */
  get isImpatient(): boolean {
    return this.clientBehaviour?.refusalPause.isImpatient(this.startedAt) === true;
  }

  /** The subject among which the queue is fair: the key, or the client's address if there is no key. */
  get fairKey(): string {
    return this.key?.id ?? clientNetwork(this.request.peerAddress, this.head, this.#gateway.trustedProxies);
  }

  countCache(result: CacheResult): void {
    this.cacheResult = result;
    this.metrics.countCache(result);
  }

  /** Adds the header fields that every reply carries. `headers`: name, value, name, value. */
  addCommonHeaders(headers: string[]): void {
    headers.push('x-request-id', this.id);
    if (this.#gateway.serverTiming) headers.push('server-timing', this.#serverTiming());
    if (this.cacheStatus !== '') headers.push('cache-status', this.cacheStatus);
    if (this.addedLines !== undefined) headers.push(...this.addedLines);
    this.onReplyHead?.(headers);
    this.replyChange?.(headers, this.head);
  }

  /** Writes the head of the reply. `headers`: name, value, name, value. */
  writeHead(status: number, headers: string[]): void {
    this.addCommonHeaders(headers);
    this.reply.writeHead(status, headers);
  }

  /** Passes a 1xx reply on. `headers`: name, value, name, value. */
  writeInformational(status: number, headers: readonly string[]): void {
    if (!this.over) this.reply.writeInformational(status, headers);
  }

  /** Replies with a complete body. */
  respond(status: number, headers: string[], body: string | Uint8Array): void {
    if (this.over) return;
    if (status !== 204 && status !== 304) headers.push('content-length', String(Buffer.byteLength(body)));
    this.writeHead(status, headers);
    this.reply.end(body);
  }

  #serverTiming(): string {
    const wait = hundredths(this.queueMs);
    const exec = hundredths(this.execMs);
    const waits = this.waitMs;
    let timing = `wait;dur=${waits === this.queueMs ? wait : hundredths(waits)}, exec;dur=${exec}`;
    if (this.permitMs > 0) timing += `, wait-permit;dur=${hundredths(this.permitMs)}`;
    if (this.coalescedMs > 0) timing += `, wait-coalesced;dur=${hundredths(this.coalescedMs)}`;
    if (this.execPhase === 'upstream') timing += `, wait-queue;dur=${wait}, exec-upstream;dur=${exec}`;
    else if (this.execPhase === 'database') timing += `, exec-database;dur=${exec}`;
    return this.backendTiming === '' ? timing : `${timing}, ${this.backendTiming}`;
  }
}
