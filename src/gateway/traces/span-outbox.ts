import type { Clock, Timer } from '../../core/clock.ts';
import type { Counter } from '../../metrics/instruments.ts';
import type { LateAttemptRecord, RequestRecord } from '../../protocol/trace-record.ts';
import { toWireAttempt, toWireRequest, type TraceMessage, type WireTrace } from '../../protocol/trace-wire.ts';

/** Records are sent to control after this time, or earlier if they hold this many spans. */
const FLUSH_MS = 500;
const FLUSH_SPANS = 128;
/** Further records are dropped while this many spans, or about this many bytes, wait. */
const MAX_SPANS = 4096;
const MAX_BYTES = 1024 * 1024;
/** The size of a span without the texts of its client. */
const SPAN_BYTES = 240;

export interface SpanOutboxOptions {
  readonly clock: Clock;
  /** Spans that were dropped here. */
  readonly dropped: Counter;
  /** Sends records to control; false if it does not take them now. */
  readonly send: (message: TraceMessage) => boolean;
}

/** Buffers the ended requests and attempts of a worker, and sends them to control. */
export class SpanOutbox {
  readonly #options: SpanOutboxOptions;
  #requests: WireTrace[] = [];
  #attempts: WireTrace[] = [];
  #spans = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  /** Control did not take the records; the timer tries again. */
  #isRefused = false;

  constructor(options: SpanOutboxOptions) {
    this.#options = options;
  }

  addRequest(record: RequestRecord): void {
    const spans = 1 + record.attempts.length;
    if (this.#takes(spans, record.path.length + record.userAgent.length)) this.#requests.push(toWireRequest(record));
  }

  addAttempt(record: LateAttemptRecord): void {
    if (this.#takes(1, record.attempt.path.length)) this.#attempts.push(toWireAttempt(record));
  }

  /** The worker is about to end: sends what is left, if control takes it now. */
  close(): void {
    this.#flush();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#options.dropped.add(this.#spans);
    this.#empty();
  }

  #takes(spans: number, textBytes: number): boolean {
    const bytes = spans * SPAN_BYTES + textBytes;
    if (this.#spans + spans > MAX_SPANS || this.#bytes + bytes > MAX_BYTES) {
      this.#options.dropped.add(spans);
      return false;
    }
    if (this.#spans >= FLUSH_SPANS && !this.#isRefused) this.#flush();
    this.#spans += spans;
    this.#bytes += bytes;
    this.#timer ??= this.#options.clock.setTimeout(() => this.#flush(), FLUSH_MS);
    return true;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#spans === 0) return;
    this.#isRefused = !this.#options.send({ type: 'traces', requests: this.#requests, attempts: this.#attempts });
    if (this.#isRefused) this.#timer = this.#options.clock.setTimeout(() => this.#flush(), FLUSH_MS);
    else this.#empty();
  }

  #empty(): void {
    this.#requests = [];
    this.#attempts = [];
    this.#spans = 0;
    this.#bytes = 0;
  }
}
