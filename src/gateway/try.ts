import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { type RetryRules, mayRetry, mayRetryReply } from '../policy/retry/retryable.ts';
import { Attempt, type AttemptEnd, type AttemptOwner, type Sink } from './attempt.ts';
import { ClientDeadline, Outpaced, type AttemptCancelled, UpstreamTimeout } from './attempt-error.ts';
import type { Underway } from './exchange.ts';
import type { Caller, UpstreamCall } from './forward.ts';
import type { Permit } from './permit.ts';
import { RequestBody } from './request-body.ts';

export interface TryInputs {
  readonly clock: Clock;
  readonly permit: Permit;
  readonly deadline: number;
  /** Attempts before it that were sent, and that were not. */
  readonly sent: number;
  readonly unsent: number;
  /** Whether it is the hedge of another attempt, so that its failure is no answer. */
  readonly isSecond?: boolean;
  /** Whether a hedge of it is under way: what follows its failure is then decided when the hedge has ended. */
  readonly isHedged?: () => boolean;
}

export type TryEnd = { readonly ok: true } | (AttemptEnd & { readonly ok: false; readonly retrying: boolean });

/** One attempt with its deadline, and the decision whether another one follows. */
export class Try implements AttemptOwner, Underway {
  readonly #x: Caller;
  readonly #call: UpstreamCall;
  readonly #inputs: TryInputs;
  readonly #body: Buffer | string | Readable | null;
  readonly #settled = Promise.withResolvers<TryEnd>();
  #running: Attempt | undefined;
  #discarding = false;
  /** The budget has been asked for another attempt, and has granted it. */
  #isGranted = false;
  #isOutpaced = false;
  #isRequestComplete = true;

  constructor(x: Caller, call: UpstreamCall, inputs: TryInputs) {
    this.#x = x;
    this.#call = call;
    this.#inputs = inputs;
    this.#body = typeof call.body === 'function' ? call.body() : call.body;
  }

  get isRequestComplete(): boolean {
    return this.#isRequestComplete;
  }

  run(sink: Sink): Promise<TryEnd> {
    const { permit } = this.#inputs;
    const { upstream, method, path, headers, upgrade } = this.#call;
    const running = new Attempt(permit, sink, this, upstream.idle);
    this.#running = running;
    permit.user = running;
    this.#armTimeLimit(running);
    permit.backend.pool.dispatch(
      { method, path, headers, body: this.#body, ...(upgrade === undefined ? {} : { upgrade }) } as Parameters<
        typeof permit.backend.pool.dispatch
      >[0],
      running,
    );
    return this.#settled.promise;
  }

  giveUp(): void {
    this.#cancel((running) => running.giveUp());
  }

  /** Another backend was faster. */
  outpace(): void {
    this.#isOutpaced = true;
    this.#cancel((running) => running.cancel(new Outpaced()));
  }

  now(): number {
    return this.#inputs.clock.now();
  }

  idleTimeoutMs(isStream: boolean): number | undefined {
    const { upstream, idleTimeoutMs } = this.#call;
    return idleTimeoutMs ?? (isStream ? undefined : upstream.idleTimeoutMs);
  }

  answered(elapsedMs: number): void {
    if (this.#isOutpaced) return;
    this.#x.execMs += elapsedMs;
    this.#x.execPhase = 'upstream';
  }

  discards(status: number, overloaded: boolean): boolean {
    if (this.#inputs.isSecond === true) return status >= 500;
    const { idempotent, pure, retry } = this.#call;
    if (retry === false || (status < 500 && !overloaded)) return false;
    const failed = { status, overloaded, idempotent: idempotent || pure, pure, ...this.#situation(retry) };
    this.#discarding = mayRetryReply(failed) && this.#mayDiscard();
    return this.#discarding;
  }

  #mayDiscard(): boolean {
    const { upstream } = this.#call;
    if (this.#inputs.isHedged?.() === true) return upstream.budget.balance(this.#inputs.clock.now()) >= 1;
    this.#isGranted = this.#withinBudget('reply');
    return this.#isGranted;
  }

  bug(error: unknown): void {
    this.#call.upstream.bugs.report('attempt', error, { requestId: this.#x.id });
  }

  ended(end: AttemptEnd): void {
    if (end.ok) this.#settled.resolve(end);
    else this.#settled.resolve({ ...end, retrying: this.#inputs.isHedged?.() !== true && this.retries(end) });
  }

  /** Whether another attempt follows; if so, it is taken from the budget. */
  retries(end: AttemptEnd & { ok: false }): boolean {
    if (this.#discarding) return this.#isGranted || this.#withinBudget('reply');
    return this.#retriesFailure(end);
  }

  /** From now, or from the end of a body that is forwarded while it comes: before that the client is the slow one. */
  #armTimeLimit(running: Attempt): void {
    const { clock, permit, deadline } = this.#inputs;
    const { headers, timeoutMs } = this.#call;
    const arm = (leftMs: number): void => {
      running.timer = clock.setTimeLimit(() => this.#cancel(() => running.cancel(this.#lateness())), leftMs);
    };
    if (this.#body instanceof RequestBody) {
      this.#isRequestComplete = false;
      this.#body.onComplete = () => {
        this.#isRequestComplete = true;
        if (permit.headAt === undefined) arm(timeoutMs);
      };
      return;
    }
    const leftMs = Math.max(1, deadline - permit.startedAt);
    setDeadline(headers, leftMs);
    arm(leftMs);
  }

  /** undici reads the body of a request whose connection is still being made, cancelled or not: it must be gone. */
  #cancel(cancel: (running: Attempt) => void): void {
    if (this.#running === undefined) return;
    cancel(this.#running);
    if (this.#body instanceof RequestBody) this.#body.destroy();
  }

  #lateness(): AttemptCancelled {
    const { timeoutMs, clientWaitsMs = timeoutMs } = this.#call;
    return clientWaitsMs < timeoutMs ? new ClientDeadline() : new UpstreamTimeout();
  }

  #retriesFailure(end: AttemptEnd & { ok: false }): boolean {
    const { idempotent, pure, retry } = this.#call;
    if (end.isFinal || this.#inputs.isSecond === true || retry === false) return false;
    const { beforeConnection, replyStarted } = end;
    const situation = this.#situation(retry);
    const verdict = mayRetry({
      ...situation,
      beforeConnection,
      replyStarted,
      idempotent: idempotent || pure,
      sent: beforeConnection ? situation.sent - 1 : situation.sent,
      unsent: this.#inputs.unsent + (beforeConnection ? 1 : 0),
    });
    return verdict && this.#withinBudget(beforeConnection ? 'connection' : 'failure');
  }

  #situation(rules: RetryRules): { replayable: boolean; sent: number; backends: number; rules: RetryRules } {
    const replayable = !(this.#body instanceof RequestBody) || !this.#body.started;
    return { replayable, sent: this.#inputs.sent + 1, backends: this.#call.upstream.backends.length, rules };
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
