import type { Clock, Timer } from '../core/clock.ts';
import type { ReplyHeaders, Sink } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { isHopByHop, nominated } from './hop-by-hop.ts';

/** Fields of a backend's reply that the gateway consumes or writes itself. */
const consumed: ReadonlySet<string> = new Set([
  'endpoint-load-metrics',
  'server-timing',
  'x-request-id',
  'x-rampart-overloaded',
]);

/**
 * A body up to this size that comes as one goes out with the head as one text: the system is then called with one buffer,
 * and Node neither corks nor gathers. Copying so little costs less.
 */
const MAX_TEXT_BYTES = 4096;

/** Streams a backend's reply to the client, no faster than the client reads. */
export class ClientSink implements Sink {
  readonly #x: Exchange;
  readonly #clock: Clock;
  readonly #stallMs: number;
  #stall: Timer | undefined;
  #watchesClose = false;
  /** What the head has announced of the body; NaN where it has not. */
  #announcedBytes = Number.NaN;
  #isEnded = false;

  /** `stallMs`: how long the client may leave a full buffer unread, since its permit cannot be given back meanwhile. */
  constructor(x: Exchange, clock: Clock, stallMs: number) {
    this.#x = x;
    this.#clock = clock;
    this.#stallMs = stallMs;
  }

  head(status: number, headers: ReplyHeaders): void {
    const x = this.#x;
    x.backendTiming = backendTiming(headers);
    this.#announcedBytes = Number(headers['content-length']);
    if (!x.over) x.writeHead(status, replyHeaders(headers));
  }

  data(chunk: Buffer, resume: () => void): boolean {
    const { res, over } = this.#x;
    if (over) return true;
    if (chunk.length === this.#announcedBytes && chunk.length <= MAX_TEXT_BYTES) {
      this.#isEnded = true;
      res.end(chunk.toString('latin1'), 'latin1');
      return true;
    }
    if (res.write(chunk)) return true;
    this.#stalled(resume);
    return false;
  }

  end(): void {
    if (!this.#x.over && !this.#isEnded) this.#x.res.end();
  }

  #stalled(resume: () => void): void {
    const { res } = this.#x;
    // One listener for all stalls of a reply: a long one has thousands of them.
    if (!this.#watchesClose) res.once('close', () => this.#stall?.cancel());
    this.#watchesClose = true;
    this.#stall = this.#clock.setTimeout(() => res.destroy(), this.#stallMs);
    res.once('drain', () => {
      this.#stall?.cancel();
      resume();
    });
  }
}

export function replyHeaders(headers: ReplyHeaders): string[] {
  const connection = headers['connection'];
  const dropped = nominated(Array.isArray(connection) ? connection.join(',') : connection);
  const out: string[] = [];
  for (const name in headers) {
    if (isHopByHop(name) || consumed.has(name) || dropped?.has(name) === true) continue;
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

/** Keeps a reply whole, for a handler that makes something of it. */
export class CollectingSink implements Sink {
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
