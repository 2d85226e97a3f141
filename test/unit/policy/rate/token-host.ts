import type { RateLimit, TokenAsk, TokenGrant } from '../../../../src/protocol/tokens.ts';
import { RateLimitAuthority } from '../../../../src/policy/rate/rate-limit-authority.ts';
import { LocalTokenBucket } from '../../../../src/policy/rate/local-token-bucket.ts';

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

interface Worker {
  readonly bucket: LocalTokenBucket;
  /** When each of those who wait came. */
  waiting: number[];
  present: boolean;
  /** Messages arrive in the order in which they were sent. */
  lastToControl: number;
  lastToWorker: number;
  link: number;
}

const PATIENCE_MS = 20;
const SWEEP_MS = 50;

/**
 * A host in miniature: one authority, some buckets of one subject, and messages between them that take their time. It does
 * what the worker's client does with its buckets, without sockets and timers.
 */
export class TokenHost {
  now = 0;
  /** When each request was let through, by a token or by a share. */
  readonly admitted: number[] = [];
  byShare = 0;
  refused = 0;
  messages = 0;
  waited = 0;
  longestWaitMs = 0;
  readonly workers: Worker[];
  authority: RateLimitAuthority;
  limit: RateLimit;
  readonly #delayMs: () => number;
  readonly #events: Event[] = [];
  #order = 0;

  constructor(limit: RateLimit, workers: number, delayMs: () => number) {
    this.limit = limit;
    this.#delayMs = delayMs;
    this.authority = new RateLimitAuthority(10, Number.NEGATIVE_INFINITY);
    this.workers = Array.from({ length: workers }, () => ({
      bucket: new LocalTokenBucket('key:1', limit, workers),
      waiting: [],
      present: true,
      lastToControl: 0,
      lastToWorker: 0,
      link: 0,
    }));
    for (const index of this.workers.keys()) this.#sweep(index);
  }

  /** Requests to come, by worker and time, in order. */
  requests: readonly (readonly [worker: number, at: number])[] = [];
  #nextRequest = 0;

  at(at: number, run: () => void): void {
    const event = { at, order: this.#order++, run };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#events[middle] as Event;
      if (other.at > at || (other.at === at && other.order > event.order)) low = middle + 1;
      else high = middle;
    }
    // The next one is at the end.
    this.#events.splice(low, 0, event);
  }

  run(until: number): void {
    for (;;) {
      const next = this.#events.at(-1)?.at ?? Number.POSITIVE_INFINITY;
      const [worker, at] = this.requests[this.#nextRequest] ?? [0, Number.POSITIVE_INFINITY];
      if (Math.min(next, at) > until) break;
      this.now = Math.min(next, at);
      if (next <= at) this.#events.pop()?.run();
      else {
        this.#nextRequest++;
        this.#arrive(this.workers[worker] as Worker);
      }
    }
    this.now = until;
  }

  /** Control dies: its buckets are lost, and so are all messages under way. */
  loseControl(): void {
    for (const worker of this.workers) {
      worker.present = false;
      worker.link++;
      worker.bucket.forget();
      for (const since of worker.waiting.splice(0)) this.#share(worker, since);
    }
  }

  newControl(): void {
    this.authority = new RateLimitAuthority(10, this.now);
    for (const worker of this.workers) {
      worker.present = true;
      worker.bucket.forget();
    }
  }

  #arrive(worker: Worker): void {
    const { bucket } = worker;
    bucket.adopt(this.limit);
    bucket.arrived(this.now);
    if (!worker.present) this.#share(worker, this.now);
    else if (bucket.take(this.now)) {
      this.#admit(this.now);
      if (bucket.isLow(this.now)) this.#ask(worker);
    } else if (bucket.refusedMs(this.now) > 0) this.refused++;
    else {
      const since = this.now;
      this.waited++;
      worker.waiting.push(since);
      this.#ask(worker);
      this.at(since + PATIENCE_MS, () => {
        const index = worker.waiting.indexOf(since);
        if (index < 0) return;
        worker.waiting.splice(index, 1);
        this.#share(worker, since);
      });
    }
  }

  #share(worker: Worker, since: number): void {
    if (worker.bucket.takeByShare(this.now).allowed) {
      this.byShare++;
      this.#admit(since);
    } else this.refused++;
  }

  #admit(since: number): void {
    this.admitted.push(this.now);
    this.longestWaitMs = Math.max(this.longestWaitMs, this.now - since);
  }

  #ask(worker: Worker): void {
    const ask = worker.bucket.ask(worker.waiting.length, this.now);
    if (ask === undefined) return;
    this.messages++;
    const { link } = worker;
    worker.lastToControl = Math.max(worker.lastToControl, this.now + this.#delayMs());
    this.at(worker.lastToControl, () => {
      if (worker.link === link) this.#answer(worker, ask);
    });
  }

  #answer(worker: Worker, ask: TokenAsk): void {
    const grant = this.authority.answer(ask, this.now);
    if (ask.wanted === 0) return;
    const { link } = worker;
    worker.lastToWorker = Math.max(worker.lastToWorker, this.now + this.#delayMs());
    this.at(worker.lastToWorker, () => {
      if (worker.link === link) this.#serve(worker, grant);
    });
  }

  #serve(worker: Worker, grant: TokenGrant): void {
    const { bucket, waiting } = worker;
    bucket.answered(grant, this.now);
    while (waiting.length > 0 && bucket.take(this.now)) this.#admit(waiting.shift() as number);
    if (waiting.length === 0) return;
    if (bucket.refusedMs(this.now) === 0) this.#ask(worker);
    else this.refused += waiting.splice(0).length;
  }

  #sweep(index: number): void {
    this.at(this.now + SWEEP_MS, () => {
      const worker = this.workers[index] as Worker;
      if (worker.present && worker.bucket.expire(this.now) && worker.bucket.tokens === 0) this.#ask(worker);
      this.#sweep(index);
    });
  }
}
