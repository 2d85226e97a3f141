import type { Refusal } from '../refusal.ts';

/** Where an attempt goes. */
export interface AttemptTarget {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
}

/** The trace of one attempt at a backend. */
export interface AttemptTrace {
  /** The header value that makes the backend's spans children of this one. */
  readonly traceparent: string;
  /** `now`: monotonic milliseconds; `status`: 0 if no reply has begun; `isSuperseded`: another backend was faster. */
  end(now: number, status: number, failure: Refusal | undefined, isSuperseded: boolean): void;
}

/** The part of a request's trace that the layers use. */
export interface CallTrace {
  /** A request is about to be sent to a backend; `resends`: how often it was sent before. */
  attempt(target: AttemptTarget, startedAt: number, resends: number): AttemptTrace;
}

/** The trace of a request as its exchange knows it. */
export interface ExchangeTrace extends CallTrace {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
  /** The request has ended; attempts for it may go on. `status` 499: the client left. */
  ended(status: number, elapsedMs: number): void;
}
