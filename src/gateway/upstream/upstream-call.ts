import type { Readable } from 'node:stream';
import type { RetryRules } from '../../policy/retry/retryable.ts';
import type { Cancellable, Cancellation } from './cancellable.ts';
import type { Backend } from './backend.ts';
import type { Permit } from './permit.ts';
import { StreamedUpload } from '../http/streamed-upload.ts';
import type { Claimant } from './claim.ts';
import type { Upstream } from './upstream.ts';
import type { CallTrace } from './call-trace.ts';
import type { Deadline } from './deadline-timer.ts';
import type { ReplyHeaders, ReplySink } from './reply-sink.ts';

/** A request as a backend gets it. */
export interface UpstreamRequest {
  readonly upstream: Upstream;
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value; the deadline is added to it. */
  readonly headers: string[];
  /** The bytes of a complete body; otherwise a function that makes the stream anew for each attempt. */
  readonly body: Buffer | string | (() => Buffer | Readable) | null;
  /** Whether the request is idempotent. */
  readonly idempotent: boolean;
  /** Whether the request only computes a result, without side effects. */
  readonly pure: boolean;
  /** Which failures are retried; `false`: none. */
  readonly retry: RetryRules | false;
  /** Whether a second backend is asked when the first takes longer than most do; needs a body that is there as a whole. */
  readonly hedge: boolean;
  /** Whether it takes a place among the upstream's streams instead of a permit: a tunnel, or a long poll. */
  readonly isStream: boolean;
  /** Whether an event stream holds its permit to its end, because a backend works all the while. */
  readonly streamsAreWork: boolean;
  /** Requests of one class take equally long; numbered from 0 within the upstream. */
  readonly routeClass: number;
  /** Longest wait for the head of the reply, queue included, from the moment the request is complete. */
  readonly timeoutMs: number;
  /** Longest silence within the reply's body; undefined: the upstream's, and none for event streams. */
  readonly idleTimeoutMs: number | undefined;
  /** The hash of its session, which has a backend of its own; undefined: the balancer decides. */
  readonly session?: number | undefined;
  /** Milliseconds for which the client waits, if it said so. If they run out, that does not count against a backend. */
  readonly clientWaitsMs: number | undefined;
  /** The protocol to switch to, where the client asks for one. */
  readonly upgrade?: 'websocket';
}

/** The party on whose behalf a backend is asked: a request, or a coalesced fetch that several requests share. */
export interface Caller extends Claimant {
  /** The request's id, for the log. */
  readonly id: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** When the request was complete: the backend's time counts from there. */
  readonly readyAt: number;
  /** The reply is no longer wanted. */
  readonly over: boolean;
  /** The trace of the request; undefined where requests are not traced. */
  readonly trace: CallTrace | undefined;
  /** Whether a part of the reply has been sent, so that it cannot become an error reply. */
  readonly replyBegun: boolean;
  /** Milliseconds in the queue, without those of `permitMs`. */
  queueMs: number;
  /** Milliseconds in the queue that ended with a permit from control. */
  permitMs: number;
  execMs: number;
  execPhase: 'upstream' | 'database' | undefined;
  /** The upstream that is asked, the backend of the last attempt, and how many attempts there were. */
  upstream: string;
  backend: string;
  attempts: number;
  failure: string | undefined;
  underway: Cancellable | undefined;
  /** Cuts a reply that has begun and cannot be completed. */
  cutReply(): void;
}

/** One request on its way through the layers, with the values that each layer leaves for the ones below. */
export class UpstreamCall implements Cancellable {
  readonly caller: Caller;
  readonly request: UpstreamRequest;
  /** Set by the deadline layer; undefined without that layer. */
  deadline: Deadline | undefined;
  /** Set by the retry layer: how many earlier attempts were sent, and how many were not. */
  sent = 0;
  unsent = 0;
  /** The backend of a failed attempt: others are preferred. */
  excluded: Backend | undefined;
  /** Set by the hedging layer: the call takes only a permit that no other request waits for. */
  isSpare = false;
  /** Set by the admission layer. */
  permit: Permit | undefined;
  /** Set by the connection: the body as the present attempt sends it. */
  body: Buffer | string | Readable | null = null;
  /** The queue place or the attempt that the call waits for. */
  current: Cancellable | undefined;
  /** Why an answer is no longer wanted. */
  cancelled: Cancellation | undefined;
  readonly #sink: ReplySink;

  constructor(caller: Caller, request: UpstreamRequest, sink: ReplySink) {
    this.caller = caller;
    this.request = request;
    this.#sink = sink;
  }

  get isCancelled(): boolean {
    return this.cancelled !== undefined || this.caller.over;
  }

  /** Whether the same request can be sent again. */
  get isReplayable(): boolean {
    return !(this.body instanceof StreamedUpload) || !this.body.started;
  }

  cancel(reason: Cancellation): void {
    if (this.cancelled !== undefined) return;
    this.cancelled = reason;
    this.current?.cancel(reason);
  }

  /** A 1xx reply, which is forwarded at once. */
  inform(status: number, headers: ReplyHeaders): void {
    this.#sink.informational?.(status, headers);
  }

  /** A second call for the same request, which can be cancelled separately. */
  branch(inform: (branch: UpstreamCall) => boolean): UpstreamCall {
    const branch: UpstreamCall = new UpstreamCall(this.caller, this.request, {
      informational: (status, headers) => {
        if (inform(branch)) this.inform(status, headers);
      },
      head: nothing,
      data: () => true,
      end: nothing,
    });
    branch.deadline = this.deadline;
    branch.sent = this.sent;
    branch.unsent = this.unsent;
    branch.excluded = this.excluded;
    return branch;
  }
}

const nothing = (): void => {};
