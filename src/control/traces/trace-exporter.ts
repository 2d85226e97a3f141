import type { Logger } from 'pino';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Family } from '../../metrics/instruments.ts';
import { backoffMs } from '../../policy/retry/backoff.ts';
import { fromWireAttempt, fromWireRequest, type TraceMessage } from '../../protocol/trace-wire.ts';
import type { PostSpans } from './otlp-sender.ts';
import { attemptSpan, requestSpans } from './spans-of.ts';

/** Spans are sent when this many wait, or when the oldest has waited for this long. */
const BATCH_SPANS = 512;
const BATCH_MS = 5000;
/** Further spans are dropped while this many characters wait. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
/** The characters of one request, give or take those of one message of a worker. */
const REQUEST_CHARACTERS = 512 * 1024;
/** How often a request is sent, the first time included. Then its spans are dropped, because newer ones are worth more. */
const MAX_ATTEMPTS = 5;
const retryLimits = { firstMs: 1000, maxMs: 30_000 };
/** A collector that asks for more gets the next request, because the spans of this one would be too old. */
const LONGEST_PAUSE_MS = 300_000;
/** The time in which waiting spans are sent when control ends. */
const CLOSE_LIMIT_MS = 1000;
/** At most one line about the collector is logged in this time. */
const LOG_INTERVAL_MS = 60_000;

export interface TraceExporterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bugs: Bugs;
  readonly counts: Family<Counter>;
  readonly body: (spans: string) => string;
  readonly post: PostSpans;
}

interface Waiting {
  readonly spans: string;
  readonly count: number;
}

/** Sends the spans of all workers to a collector, one request at a time; drops and counts those that the collector does not take in time. */
export class TraceExporter {
  readonly #options: TraceExporterOptions;
  readonly #sent: Counter;
  readonly #rejected: Counter;
  readonly #dropped: Counter;
  #waiting: Waiting[] = [];
  #count = 0;
  #characters = 0;
  #timer: Timer | undefined;
  /** Settles when there is no full request left to send. */
  #running: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #isClosed = false;
  #wakeUp: (() => void) | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TraceExporterOptions) {
    const { counts } = options;
    this.#options = options;
    this.#sent = counts.of('sent');
    this.#rejected = counts.of('rejected');
    this.#dropped = counts.of('dropped');
  }

  /** Takes the records of a worker. */
  take({ requests, attempts }: Pick<TraceMessage, 'requests' | 'attempts'>): void {
    const spans: string[] = [];
    for (const wire of requests) {
      const record = fromWireRequest(wire);
      if (record === undefined) this.#rejected.add();
      else for (const span of requestSpans(record)) spans.push(span);
    }
    for (const wire of attempts) {
      const record = fromWireAttempt(wire);
      if (record === undefined) this.#rejected.add();
      else spans.push(attemptSpan(record));
    }
    if (spans.length > 0) this.add(spans.join(','), spans.length);
  }

  /** Takes spans in OTLP's JSON form, with commas between them. */
  add(spans: string, count: number): void {
    if (this.#isClosed || this.#characters + spans.length > MAX_CHARACTERS) {
      this.#dropped.add(count);
      return;
    }
    this.#waiting.push({ spans, count });
    this.#count += count;
    this.#characters += spans.length;
    if (this.#count >= BATCH_SPANS) this.#start();
    else this.#timer ??= this.#options.clock.setTimeout(() => this.#start(), BATCH_MS);
  }

  /** Sends what waits, within a second; what the collector has not taken then is counted as dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const limit = this.#options.clock.setTimeout(() => this.#closing.abort(), CLOSE_LIMIT_MS);
    this.#wakeUp?.();
    this.#start();
    await this.#running;
    limit.cancel();
    this.#dropped.add(this.#count);
    this.#waiting = [];
    this.#count = 0;
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    this.#running = this.#sendAll()
      .catch((error: unknown) => this.#options.bugs.report('traces', error))
      .finally(() => this.#sentAll());
  }

  async #sendAll(): Promise<void> {
    do await this.#send(this.#take());
    while (this.#count >= BATCH_SPANS || (this.#isClosed && this.#count > 0 && !this.#closing.signal.aborted));
  }

  #sentAll(): void {
    this.#running = undefined;
    if (this.#count > 0 && !this.#isClosed)
      this.#timer ??= this.#options.clock.setTimeout(() => this.#start(), BATCH_MS);
  }

  #take(): Waiting {
    let characters = 0;
    let count = 0;
    let taken = 0;
    for (const each of this.#waiting) {
      if (taken > 0 && characters + each.spans.length > REQUEST_CHARACTERS) break;
      characters += each.spans.length;
      count += each.count;
      taken++;
    }
    const spans = this.#waiting.splice(0, taken).map((each) => each.spans);
    this.#count -= count;
    this.#characters -= characters;
    return { spans: spans.join(','), count };
  }

  async #send({ spans, count }: Waiting): Promise<void> {
    const body = this.#options.body(spans);
    for (let attempt = 1; ; attempt++) {
      const result = await this.#options.post(body, this.#closing.signal);
      if (result.outcome === 'taken') {
        const rejected = Math.min(result.rejected, count);
        this.#sent.add(count - rejected);
        this.#rejected.add(rejected);
        if (rejected > 0) this.#remark({ rejected, why: result.why }, 'the collector of traces rejected spans');
        return;
      }
      this.#remark({ why: result.why }, 'traces cannot be sent to the collector; is it its port for OTLP/HTTP, 4318?');
      if (result.outcome === 'refused') return this.#rejected.add(count);
      if (this.#isClosed || attempt >= MAX_ATTEMPTS) return this.#dropped.add(count);
      const { random } = this.#options;
      const asked = Math.min(result.retryAfterMs ?? 0, LONGEST_PAUSE_MS);
      await this.#pause(Math.max(backoffMs(attempt, retryLimits, random), asked));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(() => resolve(), ms);
      this.#wakeUp = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #remark(fields: Record<string, unknown>, text: string): void {
    const now = this.#options.clock.now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#loggedAt = now;
    this.#options.log.warn(fields, text);
  }
}
