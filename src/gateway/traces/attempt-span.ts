import type { Refusal } from '../refusal.ts';
import type { AttemptTarget, AttemptTrace } from '../upstream/call-trace.ts';

/** The trace that an attempt belongs to. */
export interface AttemptOwner {
  traceparent(spanId: string): string;
  attemptEnded(span: AttemptSpan): void;
}

/** The span of one attempt at a backend, from its start to the last byte. Times are monotonic milliseconds. */
export class AttemptSpan implements AttemptTrace {
  readonly id: string;
  readonly #owner: AttemptOwner;
  readonly target: AttemptTarget;
  readonly startedAt: number;
  /** How often the request had been sent before. */
  readonly resends: number;
  endedAt = 0;
  /** 0 if no reply has begun. */
  status = 0;
  failure: Refusal | undefined;
  /** Another backend was faster. */
  isSuperseded = false;

  constructor(owner: AttemptOwner, id: string, target: AttemptTarget, startedAt: number, resends: number) {
    this.#owner = owner;
    this.id = id;
    this.target = target;
    this.startedAt = startedAt;
    this.resends = resends;
  }

  get traceparent(): string {
    return this.#owner.traceparent(this.id);
  }

  end(now: number, status: number, failure: Refusal | undefined, isSuperseded: boolean): void {
    this.endedAt = now;
    this.status = status;
    this.failure = failure;
    this.isSuperseded = isSuperseded;
    this.#owner.attemptEnded(this);
  }
}
