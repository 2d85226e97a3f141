import type { Bugs } from '../../metrics/bugs.ts';
import type { Exchange } from '../exchange.ts';
import { isHopByHop, nominated } from '../../core/hop-by-hop.ts';
import { ReplyQueue } from './reply-queue.ts';
import type { SlowReplies } from './slow-replies.ts';
import { ClientGone } from '../upstream/cancellable.ts';
import type { Tunnels } from '../websocket/tunnels.ts';
import { isEventStream } from '../upstream/reply-head.ts';
import type { ReplyHeaders, ReplySink } from '../upstream/reply-sink.ts';

/** Fields of a backend's reply that the gateway consumes or writes itself. */
const consumed: ReadonlySet<string> = new Set([
  'endpoint-load-metrics',
  'server-timing',
  'x-request-id',
  'x-rampart-overloaded',
]);

export interface ClientSinkOptions {
  readonly bugs: Bugs;
  readonly replies: SlowReplies;
  readonly tunnels: Tunnels;
  /** Bytes of this reply that may wait in memory for a slow client. */
  readonly bufferReplyBytes: number;
  /** Whether the silence within the reply is unbounded. */
  readonly isEndless: boolean;
  /** Whether event streams end by themselves, so that a worker that stops waits for them. */
  readonly streamsAreWork: boolean;
}

/** Streams a backend's reply to the client, and buffers the bytes that the client has not read yet. */
export class ClientSink implements ReplySink {
  readonly #x: Exchange;
  readonly #options: ClientSinkOptions;
  #queue: ReplyQueue | undefined;
  /** The length of the body by the head; NaN if the head does not give it. */
  #announcedBytes = Number.NaN;
  #hasBody = false;
  #isEnded = false;
  #isEventStream = false;

  constructor(x: Exchange, options: ClientSinkOptions) {
    this.#x = x;
    this.#options = options;
  }

  informational(status: number, headers: ReplyHeaders): void {
    this.#x.writeInformational(status, replyHeaders(headers, status));
  }

  head(status: number, headers: ReplyHeaders): void {
    const x = this.#x;
    x.backendTiming = backendTiming(headers);
    this.#announcedBytes = Number(headers['content-length']);
    if (x.over) return;
    this.#isEventStream = !this.#options.streamsAreWork && isEventStream(headers);
    x.isEndless = this.#isEventStream || this.#options.isEndless;
    if (this.#isEventStream) this.#options.tunnels.add(this);
    x.writeHead(status, replyHeaders(headers, status));
    // Body bytes that arrived with the head are passed on before this runs, and are sent together with the head.
    queueMicrotask(this.#flushHead);
  }

  /** Sends a head before its body is available, because a client may act on the head alone, as with an event stream. */
  readonly #flushHead = (): void => {
    try {
      if (!this.#hasBody && !this.#isEnded && !this.#x.over) this.#x.reply.flushHead();
    } catch (error) {
      this.#options.bugs.report('reply', error, { requestId: this.#x.id });
      this.#x.reply.abort();
    }
  };

  data(chunk: Buffer, resume: () => void): boolean {
    const { reply, over } = this.#x;
    if (over || this.#isEnded) return true;
    this.#hasBody = true;
    if (this.#queue !== undefined) return this.#queue.push(chunk, resume);
    if (chunk.length === this.#announcedBytes) {
      // All of it: ended here, since the head and a small body then go out as one.
      this.#isEnded = true;
      reply.end(chunk);
      return true;
    }
    if (!reply.write(chunk)) {
      this.#queue = ReplyQueue.open(this.#options.replies, this.#x, this.#options.bufferReplyBytes);
    }
    return true;
  }

  end(): void {
    if (this.#isEventStream) this.#options.tunnels.remove(this);
    if (this.#x.over || this.#isEnded) return;
    this.#isEnded = true;
    if (this.#queue === undefined) this.#x.reply.end();
    else this.#queue.end();
  }

  /** Ends an event stream when the worker stops: the client sees a complete reply and reconnects. */
  shutDown(): void {
    this.end();
    this.#x.underway?.cancel(new ClientGone());
  }
}

/** The fields that a client gets. A 1xx or 204 has no Content-Length, whatever the backend says (RFC 9110 §8.6). */
export function replyHeaders(headers: ReplyHeaders, status: number): string[] {
  const connection = headers['connection'];
  const dropped = nominated(Array.isArray(connection) ? connection.join(',') : connection);
  const out: string[] = [];
  for (const name in headers) {
    if (isHopByHop(name) || consumed.has(name) || dropped?.has(name) === true) continue;
    if ((status === 204 || status < 200) && name === 'content-length') continue;
    const value = headers[name];
    if (Array.isArray(value)) for (const one of value) out.push(name, one);
    else if (value !== undefined) out.push(name, value);
  }
  return out;
}

/** A backend's own Server-Timing under `backend-…`, as long as it is well-formed and short. */
export function backendTiming(headers: ReplyHeaders): string {
  const said = headers['server-timing'];
  if (typeof said !== 'string' || said.length > 512) return '';
  const entries = [...said.matchAll(/(?:^|,)\s*([A-Za-z][\w-]{0,31});dur=(\d{1,9}(?:\.\d{1,6})?)(?=\s*(?:,|$))/g)];
  return entries.map(([, name, duration]) => `backend-${name};dur=${duration}`).join(', ');
}

/** Collects a whole reply for a handler that processes it. */
export class CollectingSink implements ReplySink {
  status = 0;
  headers: ReplyHeaders = {};
  readonly #chunks: Buffer[] = [];

  head(status: number, headers: ReplyHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  data(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  end(): void {}

  body(): Buffer {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
  }
}
