import type { EventEmitter } from 'node:events';
import { TLSSocket } from 'node:tls';
import type { Timer } from '../../core/clock.ts';
import type { ClosedRun, UnderWay } from './closed-run.ts';
import type { Stay } from './engine.ts';
import { CheckedBody, outcomeOfReply, readsBody } from './reply-check.ts';

/** The used part of autocannon 9.0.0's client: not all of it is public, so the version is pinned and a test holds it. */
export interface CannonClient extends EventEmitter {
  _connect(): void;
  _doRequest(): void;
  _destroyConnection(): void;
  getRequestBuffer(): Buffer;
  readonly destroyed: boolean;
  readonly conn: unknown;
  readonly parser: {
    execute(chunk: Buffer): unknown;
    finish(): unknown;
    initialize(type: string): void;
    [hook: number]: (info: ReplyHead) => unknown;
  };
}

interface ReplyHead {
  readonly statusCode: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
}

/** Hooks of http-parser-js: HTTPParser.kOnHeadersComplete and kOnMessageComplete. */
const HEADERS_COMPLETE = 2;
const MESSAGE_COMPLETE = 4;
/** The first hook returns this when no body follows. */
const NO_BODY = 1;
const SWITCHING_PROTOCOLS = 101;

const FIRST_RECONNECT_MS = 20;
const MAX_RECONNECT_MS = 1000;

/**
 * One user of a closed loop: a connection of autocannon with its holes closed. A reply that is lost with its connection
 * ends its request, where autocannon sends the next one and says nothing; what is left of a half reply is dropped, where
 * it would be taken for the beginning of the next; a refused connection is tried again after a while, where it would be
 * at once; a reply that says `Connection: close` is believed; there is a delay between requests, for those who are refused
 * as long as they are asked to wait; and a user comes and goes. Interim replies (1xx) end no request, a reply to HEAD has no
 * body, and nothing is sent over TLS before the certificate is verified, where autocannon never verifies it.
 */
export class ClosedConnection {
  readonly #run: ClosedRun;
  readonly #stay: Stay;
  readonly #client: CannonClient;
  readonly #connect: () => void;
  readonly #send: () => void;
  #pending: { readonly underWay: UnderWay; readonly limit: Timer } | undefined;
  /** Counts connections, so that a delay begun on one does not send on the next. */
  #generation = 0;
  #failures = 0;
  #closesAfterReply = false;
  #isHooked = false;
  /** The header fields of the present reply, where its request has a check. */
  #headers: Record<string, string> = {};
  #body: CheckedBody | undefined;
  /** The pause that the last reply asks for. */
  #retryAfterMs = 0;
  /** When the user's next request is due, in milliseconds from the start of the run: on whatever connection. */
  #notBeforeMs: number;

  constructor(run: ClosedRun, client: CannonClient, stay: Stay) {
    this.#run = run;
    this.#stay = stay;
    this.#notBeforeMs = stay.fromMs;
    this.#client = client;
    this.#connect = client._connect.bind(client);
    this.#send = client._doRequest.bind(client);
    const destroy = client._destroyConnection.bind(client);
    // At the end of the run also of users who have not come yet.
    client._destroyConnection = () => void (client.conn !== undefined && destroy());
    client._connect = () => {
      this.#hookParser();
      this.#reconnect();
    };
    client._doRequest = () => this.#next();
    client.getRequestBuffer = () => this.#bytes();
    const execute = client.parser.execute.bind(client.parser);
    client.parser.execute = (chunk) => {
      // The parser returns what it cannot read, and autocannon would wait for the rest for ever.
      if (execute(chunk) instanceof Error) this.#reconnect();
    };
    client.on('request', () => this.#begin());
    client.on('headers', (head: ReplyHead) => this.#head(head));
    client.on('body', (chunk: Buffer) => this.#body?.add(chunk));
    client.on('response', (status: number) => this.#answered(status));
  }

  /** Once, at the first connection: autocannon sets its own hooks after it has called us. */
  #hookParser(): void {
    if (this.#isHooked) return;
    this.#isHooked = true;
    const { parser } = this.#client;
    const headersComplete = parser[HEADERS_COMPLETE] as (info: ReplyHead) => unknown;
    const messageComplete = parser[MESSAGE_COMPLETE] as () => unknown;
    let isInterim = false;
    parser[HEADERS_COMPLETE] = (info) => {
      isInterim = info.statusCode < 200 && info.statusCode !== SWITCHING_PROTOCOLS;
      if (isInterim) return undefined;
      headersComplete(info);
      return this.#pending?.underWay.request.method === 'HEAD' ? NO_BODY : undefined;
    };
    parser[MESSAGE_COMPLETE] = () => {
      // A reply that nobody asked for has no request to end: autocannon would throw.
      if (isInterim || this.#pending === undefined) return;
      messageComplete();
    };
  }

  #begin(): void {
    // A request that waits for the certificate has begun.
    if (this.#pending !== undefined) return;
    const { clock, target } = this.#run;
    const limit = clock.setTimeout(() => this.#timedOut(), target.timeoutMs);
    this.#pending = { underWay: this.#run.begin(), limit };
    const { expect } = this.#pending.underWay.request;
    this.#headers = {};
    this.#body = expect !== undefined && readsBody(expect) ? new CheckedBody() : undefined;
  }

  #bytes(): Buffer {
    const { method, path, headers, body } = (this.#pending as { underWay: UnderWay }).underWay.request;
    const lines = Object.entries({ host: new URL(this.#run.target.origin).host, ...headers });
    if (body !== null) lines.push(['content-length', String(Buffer.byteLength(body))]);
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ''}`);
  }

  #head({ headers }: ReplyHead): void {
    this.#retryAfterMs = 0;
    const isChecked = this.#pending?.underWay.request.expect !== undefined;
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const [name, value] = [(headers[at] as string).toLowerCase(), headers[at + 1] as string];
      if (isChecked) this.#headers[name] = name in this.#headers ? `${this.#headers[name]}, ${value}` : value;
      if (name === 'server-timing' && this.#pending !== undefined) this.#run.timing(this.#pending.underWay, value);
      else if (name === 'retry-after') this.#retryAfterMs = Math.max(0, Number(value) * 1000) || 0;
      else if (name === 'connection') this.#closesAfterReply = value.toLowerCase() === 'close';
    }
  }

  #answered(status: number): void {
    if (status === SWITCHING_PROTOCOLS) {
      // Nobody asked for another protocol: what follows is no HTTP.
      this.#closesAfterReply = true;
      this.#end('connection-error', 0);
      return;
    }
    this.#failures = 0;
    const { cycleDelayMs, waitsWhenRefused = false } = this.#run.plan;
    const reply = { status, headers: this.#headers, body: this.#body?.text() ?? '' };
    const outcome = outcomeOfReply(reply, this.#pending?.underWay.request.expect);
    const askedMs = waitsWhenRefused && outcome === 'refused' ? this.#retryAfterMs : 0;
    this.#notBeforeMs = this.#run.elapsedMs() + Math.max(cycleDelayMs, askedMs);
    this.#end(outcome, status);
  }

  #timedOut(): void {
    this.#end('timeout', 0);
    this.#reconnect();
  }

  #end(outcome: Parameters<ClosedRun['settle']>[1], status: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.limit.cancel();
    this.#run.settle(pending.underWay, outcome, status);
  }

  /** In place of autocannon's own: called at the first connection, and when one has ended or failed. */
  #reconnect(): void {
    // A reply without a length ends with its connection.
    if (this.#pending !== undefined && this.#client.conn !== undefined) this.#client.parser.finish();
    if (this.#pending !== undefined) this.#failures++;
    this.#end('connection-error', 0);
    this.#client._destroyConnection();
    this.#client.parser.initialize('RESPONSE');
    this.#closesAfterReply = false;
    this.#generation++;
    if (this.#isGone()) return;
    const backOffMs = this.#failures === 0 ? 0 : FIRST_RECONNECT_MS * 2 ** (this.#failures - 1);
    const untilThereMs = this.#stay.fromMs - this.#run.elapsedMs();
    const delayMs = Math.max(untilThereMs, Math.min(MAX_RECONNECT_MS, backOffMs));
    if (delayMs > 0) this.#later(() => this.#connect(), delayMs);
    else this.#connect();
  }

  /** Unless the connection is another one by then, or the user gone. */
  #later(act: () => void, delayMs: number): void {
    const generation = this.#generation;
    this.#run.later(() => {
      if (this.#generation === generation && !this.#isGone()) act();
    }, delayMs);
  }

  #isGone(): boolean {
    return this.#run.isOver || this.#run.elapsedMs() >= this.#stay.toMs;
  }

  /** In place of autocannon's own: the connection is ready for its next request. */
  #next(): void {
    if (this.#run.isOver || this.#pending !== undefined) return;
    if (this.#closesAfterReply || this.#isGone()) {
      this.#reconnect();
      return;
    }
    const aheadMs = this.#notBeforeMs - this.#run.elapsedMs();
    if (aheadMs > 0) this.#later(() => this.#next(), aheadMs);
    else this.#sendVerified();
  }

  /** Over TLS the request waits, as one that has begun, until the certificate is verified; else it ends here. */
  #sendVerified(): void {
    const { conn } = this.#client;
    if (this.#run.target.insecure === true || !(conn instanceof TLSSocket) || conn.authorized) {
      this.#send();
      return;
    }
    this.#begin();
    const generation = this.#generation;
    conn.once('secureConnect', () => {
      if (this.#generation !== generation) return;
      if (conn.authorized) this.#send();
      else this.#reconnect();
    });
  }
}
