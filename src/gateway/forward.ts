import type { Clock } from '../core/clock.ts';
import { mayRetry, mayRetryReply } from '../policy/retry/retryable.ts';
import { Attempt, type AttemptEnd, type AttemptOwner, type Sink, UpstreamTimeout } from './attempt.ts';
import type { Backend } from './backend.ts';
import type { Underway } from './exchange.ts';
import type { Permit } from './permit.ts';
import { Refusal } from './refusal.ts';
import { clientClosed, RequestBody } from './request-body.ts';
import type { Claimant, PendingPermit, Upstream } from './upstream.ts';
import { pastDeadline } from './waiting-room.ts';

/** A request as a backend gets it. */
export interface UpstreamCall {
  readonly upstream: Upstream;
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value; the deadline is added to it. */
  readonly headers: string[];
  /** A stream for what passes through, made anew for each attempt; bytes for what is there as a whole. */
  readonly body: Buffer | string | (() => RequestBody) | null;
  /** Whether doing it twice is the same as doing it once. */
  readonly idempotent: boolean;
  /** Whether it only computes. */
  readonly pure: boolean;
  /** Requests of one class take equally long; numbered from 0 within the upstream. */
  readonly routeClass: number;
  /** Longest wait for the head of the reply, queue included. */
  readonly timeoutMs: number;
  /** The protocol to switch to, where the client asks for one. */
  readonly upgrade?: 'websocket';
}

/** For whom a backend is asked: a request, or a flight that several of them share. */
export interface Caller extends Claimant {
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
  const { upstream, routeClass } = call;
  const deadline = x.startedAt + call.timeoutMs;
  upstream.budget.deposit(x.startedAt);
  let excluded: Backend | undefined;
  for (let attempts = 1; ; attempts++) {
    const acquired = upstream.acquire({ claimant: x, routeClass, deadline, excluded });
    if (acquired instanceof Refusal) return acquired;
    const permit = 'result' in acquired ? await waitForPermit(x, acquired, { clock, deadline }) : acquired;
    if (permit instanceof Refusal) return permit;
    if (x.over) {
      permit.release('aborted');
      return clientClosed;
    }
    const end = await new Try(x, call, { clock, permit, deadline, attempts }).run(sink);
    if (end.ok) return undefined;
    if (!end.retrying) return finalRefusal(x, end);
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

interface TryInputs {
  readonly clock: Clock;
  readonly permit: Permit;
  readonly deadline: number;
  /** Which one it is, from 1. */
  readonly attempts: number;
}

type TryEnd = { readonly ok: true } | (AttemptEnd & { readonly ok: false; readonly retrying: boolean });

/** One attempt with its deadline, and the decision whether another one follows. */
class Try implements AttemptOwner {
  readonly #x: Caller;
  readonly #call: UpstreamCall;
  readonly #inputs: TryInputs;
  readonly #body: Buffer | string | RequestBody | null;
  readonly #settled = Promise.withResolvers<TryEnd>();
  #discarding = false;

  constructor(x: Caller, call: UpstreamCall, inputs: TryInputs) {
    this.#x = x;
    this.#call = call;
    this.#inputs = inputs;
    this.#body = typeof call.body === 'function' ? call.body() : call.body;
  }

  run(sink: Sink): Promise<TryEnd> {
    const { clock, permit, deadline } = this.#inputs;
    const { method, path, headers, upgrade } = this.#call;
    const leftMs = Math.max(1, deadline - permit.startedAt);
    const running = new Attempt(permit, sink, this);
    const timer = clock.setTimeout(() => running.cancel(new UpstreamTimeout()), leftMs);
    running.timer = timer;
    this.#x.underway = running;
    permit.user = running;
    setDeadline(headers, leftMs);
    permit.backend.pool.dispatch(
      { method, path, headers, body: this.#body, ...(upgrade === undefined ? {} : { upgrade }) } as Parameters<
        typeof permit.backend.pool.dispatch
      >[0],
      running,
    );
    return this.#settled.promise;
  }

  now(): number {
    return this.#inputs.clock.now();
  }

  answered(elapsedMs: number): void {
    this.#x.execMs += elapsedMs;
    this.#x.execPhase = 'upstream';
  }

  discards(status: number, overloaded: boolean): boolean {
    if (status < 500) return false;
    const { idempotent, pure } = this.#call;
    const verdict = mayRetryReply({ status, overloaded, idempotent: idempotent || pure, pure, ...this.#situation() });
    this.#discarding = verdict && this.#withinBudget('reply');
    return this.#discarding;
  }

  ended(end: AttemptEnd): void {
    this.#x.underway = undefined;
    this.#settled.resolve(end.ok ? end : { ...end, retrying: this.#discarding || this.#retries(end) });
  }

  #retries(end: AttemptEnd & { ok: false }): boolean {
    if (end.refusal.reason !== 'upstream-failed') return false;
    const { idempotent, pure } = this.#call;
    const { beforeConnection, replyStarted } = end;
    const verdict = mayRetry({
      beforeConnection,
      replyStarted,
      idempotent: idempotent || pure,
      ...this.#situation(),
    });
    return verdict && this.#withinBudget(beforeConnection ? 'connection' : 'failure');
  }

  #situation(): { replayable: boolean; attempts: number; backends: number } {
    const replayable = !(this.#body instanceof RequestBody) || !this.#body.started;
    return { replayable, attempts: this.#inputs.attempts, backends: this.#call.upstream.backends.length };
  }

  #withinBudget(kind: 'connection' | 'failure' | 'reply'): boolean {
    return this.#call.upstream.mayTryAgain(kind);
  }
}

/** What is left of the time, for the backend to know; the last header, which another attempt overwrites. */
function setDeadline(headers: string[], leftMs: number): void {
  const value = String(Math.ceil(leftMs));
  if (headers.at(-2) === 'x-deadline-ms') headers[headers.length - 1] = value;
  else headers.push('x-deadline-ms', value);
}
