import { randomHex } from '../../core/ids.ts';
import type { Exchange } from '../exchange.ts';
import type { AttemptTarget, ExchangeTrace } from '../upstream/call-trace.ts';
import { AttemptSpan } from './attempt-span.ts';

/** W3C Trace Context level 2, §3.2.2.5. */
const SAMPLED = 1;
const RANDOM = 2;

/** What a caller says about the trace of its request. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** Writes requests and attempts that have ended. */
export interface SpanWriter {
  /** A request has ended, with all attempts for it. */
  writeRequest(trace: RequestTrace): void;
  /** An attempt has ended after its request was written: it was made for the cache, or a slow backend went on. */
  writeLateAttempt(trace: RequestTrace, span: AttemptSpan): void;
}

/** The trace of one request: its own span, and one for each attempt at a backend. */
export class RequestTrace implements ExchangeTrace {
  readonly x: Exchange;
  readonly traceId: string;
  /** Empty where the trace starts here. */
  readonly parentId: string;
  readonly isSampled: boolean;
  /** Of `traceparent`, as backends get it. */
  readonly flags: number;
  readonly attempts: AttemptSpan[] = [];
  /** As recorded at the end of the request; 499: the client left. */
  status = 0;
  elapsedMs = 0;
  /** Whether the request was written; undefined until it and its attempts have ended. */
  isWritten: boolean | undefined;
  readonly #writer: SpanWriter;
  #spanId = '';
  #firstAttemptId = '';
  #open = 0;
  #hasEnded = false;

  /** `parent`: undefined for a request that starts a trace, whose id is then random. */
  constructor(x: Exchange, traceId: string, parent: TraceParent | undefined, isSampled: boolean, writer: SpanWriter) {
    this.x = x;
    this.traceId = traceId;
    if (isSampled) {
      // One call for both ids costs less than two.
      const ids = randomHex(16);
      this.#spanId = ids.slice(0, 16);
      this.#firstAttemptId = ids.slice(16);
    }
    this.parentId = parent?.spanId ?? '';
    this.isSampled = isSampled;
    this.flags = (isSampled ? SAMPLED : 0) | (parent === undefined ? RANDOM : parent.flags & RANDOM);
    this.#writer = writer;
  }

  /** Made on first use, because most requests that are not sampled never need it. */
  get spanId(): string {
    if (this.#spanId === '') this.#spanId = randomHex(8);
    return this.#spanId;
  }

  attempt(target: AttemptTarget, startedAt: number, resends: number): AttemptSpan {
    const id = this.#firstAttemptId === '' ? randomHex(8) : this.#firstAttemptId;
    this.#firstAttemptId = '';
    const span = new AttemptSpan(this, id, target, startedAt, resends);
    this.#open++;
    if (!this.#hasEnded) this.attempts.push(span);
    return span;
  }

  /** The `traceparent` of a request to a backend. */
  traceparent(spanId: string): string {
    return `00-${this.traceId}-${spanId}-0${this.flags}`;
  }

  attemptEnded(span: AttemptSpan): void {
    this.#open--;
    if (!this.#hasEnded) return;
    if (this.isWritten === undefined) {
      if (this.#open === 0) this.#writer.writeRequest(this);
    } else if (this.isWritten) this.#writer.writeLateAttempt(this, span);
  }

  ended(status: number, elapsedMs: number): void {
    this.#hasEnded = true;
    this.status = status;
    this.elapsedMs = elapsedMs;
    if (this.#open === 0) this.#writer.writeRequest(this);
  }
}
