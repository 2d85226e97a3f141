import type { Clock } from '../core/clock.ts';
import { mayRetry, mayRetryReply } from '../policy/retry/retryable.ts';
import {
  Attempt,
  type AttemptEnd,
  type AttemptOwner,
  ClientDeadline,
  Outpaced,
  type Sink,
  UpstreamTimeout,
} from './attempt.ts';
import type { Underway } from './exchange.ts';
import type { Caller, UpstreamCall } from './forward.ts';
import type { Permit } from './permit.ts';
import { RequestBody } from './request-body.ts';

export interface TryInputs {
  readonly clock: Clock;
  readonly permit: Permit;
  readonly deadline: number;
  /** Which one it is, from 1. */
  readonly attempts: number;
  /** Whether it is the hedge of another attempt, so that its failure is no answer. */
  readonly isSecond?: boolean;
}

export type TryEnd = { readonly ok: true } | (AttemptEnd & { readonly ok: false; readonly retrying: boolean });

/** One attempt with its deadline, and the decision whether another one follows. */
export class Try implements AttemptOwner, Underway {
  readonly #x: Caller;
  readonly #call: UpstreamCall;
  readonly #inputs: TryInputs;
  readonly #body: Buffer | string | RequestBody | null;
  readonly #settled = Promise.withResolvers<TryEnd>();
  #running: Attempt | undefined;
  #discarding = false;
  #isOutpaced = false;

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
    running.timer = clock.setTimeLimit(() => running.cancel(this.#lateness()), leftMs);
    this.#running = running;
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

  giveUp(): void {
    this.#running?.giveUp();
  }

  /** Another backend was faster. */
  outpace(): void {
    this.#isOutpaced = true;
    this.#running?.cancel(new Outpaced());
  }

  now(): number {
    return this.#inputs.clock.now();
  }

  answered(elapsedMs: number): void {
    if (this.#isOutpaced) return;
    this.#x.execMs += elapsedMs;
    this.#x.execPhase = 'upstream';
  }

  discards(status: number, overloaded: boolean): boolean {
    if (status < 500) return false;
    if (this.#inputs.isSecond === true) return true;
    const { idempotent, pure } = this.#call;
    const verdict = mayRetryReply({ status, overloaded, idempotent: idempotent || pure, pure, ...this.#situation() });
    this.#discarding = verdict && this.#withinBudget('reply');
    return this.#discarding;
  }

  bug(error: unknown): void {
    this.#call.upstream.bugs.report('attempt', error, { requestId: this.#x.id });
  }

  ended(end: AttemptEnd): void {
    this.#settled.resolve(end.ok ? end : { ...end, retrying: this.#discarding || this.#retries(end) });
  }

  #lateness(): Error {
    const { timeoutMs, clientWaitsMs = timeoutMs } = this.#call;
    return clientWaitsMs < timeoutMs ? new ClientDeadline() : new UpstreamTimeout();
  }

  #retries(end: AttemptEnd & { ok: false }): boolean {
    if (end.refusal.reason !== 'upstream-failed' || this.#inputs.isSecond === true) return false;
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
