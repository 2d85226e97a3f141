import type { Priority } from '../../policy/admission/priority.ts';
import type { Exchange } from '../exchange.ts';
import type { Cancellable } from '../upstream/cancellable.ts';
import { CallRecord } from '../upstream/call-record.ts';
import type { CallTrace } from '../upstream/call-trace.ts';
import type { Caller } from '../upstream/upstream-call.ts';

/** Asks about a request on its behalf. Its times do not count as those of the request's own backend. */
export class AuthCaller extends CallRecord implements Caller {
  readonly #x: Exchange;
  readonly startedAt: number;
  readonly readyAt: number;
  readonly replyBegun = false;

  constructor(x: Exchange, now: number) {
    super();
    this.#x = x;
    this.startedAt = now;
    this.readyAt = now;
  }

  get id(): string {
    return this.#x.id;
  }

  get priority(): Priority {
    return this.#x.priority;
  }

  get trace(): CallTrace | undefined {
    return this.#x.trace;
  }

  get fairKey(): string {
    return this.#x.fairKey;
  }

  get over(): boolean {
    return this.#x.over;
  }

  /** A client that leaves cancels the question, too. */
  get underway(): Cancellable | undefined {
    return this.#x.underway;
  }

  set underway(work: Cancellable | undefined) {
    this.#x.underway = work;
  }

  cutReply(): void {}
}
