import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { RetryRules } from '../policy/retry/retryable.ts';
import type { AttemptEnd, Sink } from './attempt.ts';
import type { Backend } from './backend.ts';
import type { Underway } from './exchange.ts';
import { Permit } from './permit.ts';
import { Refusal } from './refusal.ts';
import { HedgedTry } from './hedge.ts';
import { clientClosed } from './request-body.ts';
import { Try } from './try.ts';
import type { Claimant, PendingPermit, Upstream } from './upstream.ts';
import { pastDeadline } from './waiting-room.ts';

/** A request as a backend gets it. */
export interface UpstreamCall {
  readonly upstream: Upstream;
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value; the deadline is added to it. */
  readonly headers: string[];
  /** Bytes for what is there as a whole; else makes the stream anew for each attempt. */
  readonly body: Buffer | string | (() => Buffer | Readable) | null;
  /** Whether doing it twice is the same as doing it once. */
  readonly idempotent: boolean;
  /** Whether it only computes. */
  readonly pure: boolean;
  /** What is tried again; `false`: nothing. */
  readonly retry: RetryRules | false;
  /** Whether a second backend is asked when the first takes longer than most do; needs a body that is there as a whole. */
  readonly hedge: boolean;
  /** Whether it takes a place among the upstream's streams instead of a permit: a tunnel, or a long poll. */
  readonly isStream: boolean;
  /** Requests of one class take equally long; numbered from 0 within the upstream. */
  readonly routeClass: number;
  /** Longest wait for the head of the reply from when the request is complete, queue included. */
  readonly timeoutMs: number;
  /** Longest silence within the reply's body; undefined: the upstream's, and none for event streams. */
  readonly idleTimeoutMs: number | undefined;
  /** Milliseconds for which the client waits, where it said so: when they are over, that is no fault of a backend. */
  readonly clientWaitsMs: number | undefined;
  /** The protocol to switch to, where the client asks for one. */
  readonly upgrade?: 'websocket';
}

/** For whom a backend is asked: a request, or a flight that several of them share. */
export interface Caller extends Claimant {
  /** The request's id, for the log. */
  readonly id: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** When the request was complete: the backend's time counts from there. */
  readonly readyAt: number;
  /** Nobody wants the reply any more. */
  readonly over: boolean;
  /** Whether a part of the reply has been sent, so that it cannot become an error reply. */
  readonly replyBegun: boolean;
  /** Milliseconds in the queue. */
  waitMs: number;
  /** Milliseconds until a permit came from control. */
  permitMs: number;
  execMs: number;
  execPhase: 'upstream' | 'database' | undefined;
  failure: string | undefined;
  underway: Underway | undefined;
  /** Ends a reply that has begun and will not be whole. */
  cutReply(): void;
}

/** Steps 6 to 9 for one request: admit, pick, forward, and the reply into the sink; once more where that is safe. */
export async function forward(x: Caller, call: UpstreamCall, sink: Sink, clock: Clock): Promise<Refusal | undefined> {
  const { upstream } = call;
  const deadline = deadlineOf(x, call);
  upstream.budget.deposit(x.startedAt);
  let excluded: Backend | undefined;
  let sent = 0;
  let unsent = 0;
  for (;;) {
    const acquired = acquire(x, call, deadline, excluded);
    const permit =
      acquired instanceof Refusal || acquired instanceof Permit
        ? acquired
        : await waitForPermit(x, acquired, { clock, deadline });
    if (permit instanceof Refusal) return permit;
    if (x.over) {
      permit.release('aborted');
      return clientClosed;
    }
    const inputs = { clock, permit, deadline, sent, unsent };
    const trying = call.hedge ? new HedgedTry(x, call, inputs) : new Try(x, call, inputs);
    x.underway = trying;
    const end = await trying.run(sink);
    x.underway = undefined;
    if (end.ok) return undefined;
    if (!end.retrying) return finalRefusal(x, end);
    if (end.beforeConnection) unsent++;
    else sent++;
    excluded = permit.backend;
  }
}

function deadlineOf({ startedAt, readyAt }: Caller, { timeoutMs, clientWaitsMs }: UpstreamCall): number {
  return Math.min(readyAt + timeoutMs, startedAt + (clientWaitsMs ?? Number.POSITIVE_INFINITY));
}

function acquire(
  x: Caller,
  { upstream, routeClass, isStream }: UpstreamCall,
  deadline: number,
  excluded: Backend | undefined,
): Permit | PendingPermit | Refusal {
  return isStream
    ? upstream.openStream(routeClass, excluded)
    : upstream.acquire({ claimant: x, routeClass, deadline, excluded });
}

/** A reply that has begun cannot become an error reply: it is cut, so that nobody takes it for whole. */
function finalRefusal(x: Caller, end: AttemptEnd & { ok: false }): Refusal | undefined {
  x.failure = end.refusal.reason;
  if (!x.replyBegun) return end.refusal;
  x.cutReply();
  return undefined;
}

/** The queue has a timeout of its own; a deadline that comes first ends the wait too. */
async function waitForPermit(
  x: Caller,
  pending: PendingPermit,
  { clock, deadline }: { clock: Clock; deadline: number },
): Promise<Permit | Refusal> {
  const joinedAt = clock.now();
  x.underway = pending;
  const limit = clock.setTimeout(() => pending.giveUp(pastDeadline), Math.max(1, deadline - joinedAt));
  const result = await pending.result;
  limit.cancel();
  x.underway = undefined;
  const waitedMs = clock.now() - joinedAt;
  if (result instanceof Refusal || !result.isNewlyLeased) x.waitMs += waitedMs;
  else x.permitMs += waitedMs;
  return result;
}
