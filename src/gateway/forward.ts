import { mayRetry } from '../policy/retry/retryable.ts';
import { Attempt, type AttemptEnd, type Sink, UpstreamTimeout } from './attempt.ts';
import type { Backend, Permit } from './backend.ts';
import type { Underway } from './exchange.ts';
import type { Clock } from '../core/clock.ts';
import { Refusal } from './refusal.ts';
import { clientClosed, RequestBody } from './request-body.ts';
import type { PendingPermit, Upstream } from './upstream.ts';

/** A request as a backend gets it. */
export interface UpstreamCall {
  readonly upstream: Upstream;
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  /** A stream for what passes through, made anew for each attempt; bytes for what is there as a whole. */
  readonly body: Buffer | string | (() => RequestBody) | null;
  /** Whether doing it twice is the same as doing it once. */
  readonly idempotent: boolean;
  /** Longest wait for the head of the reply, queue included. */
  readonly timeoutMs: number;
  /** The protocol to switch to, where the client asks for one. */
  readonly upgrade?: 'websocket';
}

/** For whom a backend is asked: a request, or a flight that several of them share. */
export interface Caller {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Nobody wants the reply any more. */
  readonly over: boolean;
  /** Whether a part of the reply has been sent, so that it cannot become an error reply. */
  readonly replyBegun: boolean;
  waitMs: number;
  execMs: number;
  execPhase: 'upstream' | 'database' | undefined;
  failure: string | undefined;
  underway: Underway | undefined;
  /** Ends a reply that has begun and will not be whole. */
  cutReply(): void;
}

/** Steps 6 to 9 for one request: admit, pick, forward, and the reply into the sink; once more where that is safe. */
export async function forward(x: Caller, call: UpstreamCall, sink: Sink, clock: Clock): Promise<Refusal | undefined> {
  const deadline = x.startedAt + call.timeoutMs;
  let excluded: Backend | undefined;
  for (let attempts = 1; ; attempts++) {
    const acquired = call.upstream.acquire(excluded);
    if (acquired instanceof Refusal) return acquired;
    const permit = 'result' in acquired ? await waitForPermit(x, acquired, { clock, deadline }) : acquired;
    if (permit instanceof Refusal) return permit;
    if (x.over) {
      permit.release('aborted');
      return clientClosed;
    }
    const body = typeof call.body === 'function' ? call.body() : call.body;
    const end = await attempt(x, call, { permit, sink, clock, body, deadline });
    if (end.ok) return undefined;
    const replayable = !(body instanceof RequestBody) || !body.started;
    const retry = mayRetry({
      ...end,
      idempotent: call.idempotent,
      replayable,
      attempts,
      backends: call.upstream.backends.length,
    });
    if (!retry || end.refusal.reason !== 'upstream-failed') return finalRefusal(x, end);
    excluded = permit.backend;
  }
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
  x.waitMs += clock.now() - joinedAt;
  return result;
}

const pastDeadline = new Refusal('deadline', 'the deadline of the request passed while it waited for a backend');

interface AttemptInputs {
  readonly permit: Permit;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly body: Buffer | string | RequestBody | null;
  readonly deadline: number;
}

function attempt(x: Caller, call: UpstreamCall, inputs: AttemptInputs): Promise<AttemptEnd> {
  const { permit, sink, clock, body, deadline } = inputs;
  return new Promise((resolve) => {
    const startedAt = clock.now();
    const onHead = (): void => {
      x.execMs += clock.now() - startedAt;
      x.execPhase = 'upstream';
      timer.cancel();
    };
    const running = new Attempt(permit, sink, onHead, (end) => {
      timer.cancel();
      x.underway = undefined;
      if (!end.ok && !end.replyStarted) onHead();
      resolve(end);
    });
    const timer = clock.setTimeout(() => running.cancel(new UpstreamTimeout()), Math.max(1, deadline - startedAt));
    x.underway = running;
    const { method, path, headers, upgrade } = call;
    permit.backend.pool.dispatch(
      { method, path, headers, body, ...(upgrade === undefined ? {} : { upgrade }) } as Parameters<
        typeof permit.backend.pool.dispatch
      >[0],
      running,
    );
  });
}
