import type { EventEmitter } from 'node:events';
import type { Timer } from '../../core/clock.ts';
import type { ClosedLoop } from './closed-loop.ts';
import type { MixedRequest } from './mix.ts';
import { outcomeOfStatus } from './outcome.ts';

/** What is used of a client of autocannon 9.0.0: not all of it is public, so the version is pinned and a test holds it. */
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
  };
}

interface ReplyHead {
  readonly statusCode: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
}

const FIRST_RECONNECT_MS = 20;
const MAX_RECONNECT_MS = 1000;

/**
 * One user of a closed loop: a connection of autocannon with its holes closed. A reply that is lost with its connection
 * ends its request, where autocannon sends the next one and says nothing; what is left of a half reply is dropped, where
 * it would be taken for the beginning of the next; a refused connection is tried again after a while, where it would be
 * at once; a reply that says `Connection: close` is believed; and there is a delay between requests.
 */
export class ClosedConnection {
  readonly #run: ClosedLoop;
  readonly #client: CannonClient;
  readonly #connect: () => void;
  readonly #send: () => void;
  #pending: { readonly index: number; readonly request: MixedRequest; readonly limit: Timer } | undefined;
  /** Counts connections, so that a delay begun on one does not send on the next. */
  #generation = 0;
  #failures = 0;
  #closesAfterReply = false;
  /** Whether what comes next is the user's next request, and not the first one or one after a failure. */
  #thinks = false;

  constructor(run: ClosedLoop, client: CannonClient) {
    this.#run = run;
    this.#client = client;
    this.#connect = client._connect.bind(client);
    this.#send = client._doRequest.bind(client);
    client._connect = () => this.#reconnect();
    client._doRequest = () => this.#next();
    client.getRequestBuffer = () => this.#bytes();
    const execute = client.parser.execute.bind(client.parser);
    client.parser.execute = (chunk) => {
      // The parser returns what it cannot read, and autocannon would wait for the rest for ever.
      if (execute(chunk) instanceof Error) this.#reconnect();
    };
    client.on('request', () => this.#begin());
    client.on('headers', (head: ReplyHead) => this.#head(head));
    client.on('response', (status: number) => this.#answered(status));
  }

  #begin(): void {
    const { clock, target } = this.#run;
    const limit = clock.setTimeout(() => this.#timedOut(), target.timeoutMs);
    this.#pending = { ...this.#run.begin(), limit };
  }

  #bytes(): Buffer {
    const { method, path, headers, body } = (this.#pending as { request: MixedRequest }).request;
    const lines = Object.entries({ host: new URL(this.#run.target.origin).host, ...headers });
    if (body !== null) lines.push(['content-length', String(Buffer.byteLength(body))]);
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ''}`);
  }

  #head({ headers }: ReplyHead): void {
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const [name, value] = [(headers[at] as string).toLowerCase(), headers[at + 1] as string];
      if (name === 'server-timing' && this.#pending !== undefined) this.#run.timing(this.#pending.index, value);
      else if (name === 'connection') this.#closesAfterReply = value.toLowerCase() === 'close';
    }
  }

  #answered(status: number): void {
    this.#failures = 0;
    this.#thinks = true;
    this.#end(outcomeOfStatus(status), status);
  }

  #timedOut(): void {
    this.#end('timeout', 0);
    this.#reconnect();
  }

  #end(outcome: Parameters<ClosedLoop['settle']>[1], status: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.limit.cancel();
    this.#run.settle(pending.index, outcome, status);
  }

  /** In place of autocannon's own: called at the first connection, and when one has ended or failed. */
  #reconnect(): void {
    // A reply without a length ends with its connection.
    if (this.#pending !== undefined && this.#client.conn !== undefined) this.#client.parser.finish();
    if (this.#pending !== undefined) this.#failures++;
    this.#end('connection-error', 0);
    if (this.#client.conn !== undefined) this.#client._destroyConnection();
    this.#client.parser.initialize('RESPONSE');
    this.#closesAfterReply = false;
    const generation = ++this.#generation;
    if (this.#run.isOver) return;
    if (this.#failures === 0) {
      this.#connect();
      return;
    }
    const delayMs = Math.min(MAX_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** (this.#failures - 1));
    this.#run.clock.setTimeout(() => {
      if (this.#generation === generation && !this.#run.isOver) this.#connect();
    }, delayMs);
  }

  /** In place of autocannon's own: the connection is ready for its next request. */
  #next(): void {
    if (this.#run.isOver || this.#pending !== undefined) return;
    if (this.#closesAfterReply) {
      this.#reconnect();
      return;
    }
    const { cycleDelayMs } = this.#run.plan;
    if (cycleDelayMs === 0 || !this.#thinks) {
      this.#send();
      return;
    }
    this.#thinks = false;
    const generation = this.#generation;
    this.#run.clock.setTimeout(() => {
      if (this.#generation === generation && !this.#run.isOver) this.#send();
    }, cycleDelayMs);
  }
}
