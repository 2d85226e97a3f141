import type { Clock, Timer } from '../../core/clock.ts';
import { type Cancellable, type Cancellation, Superseded } from './cancellable.ts';
import type { Answer, Layer, Service } from './layer.ts';
import type { UpstreamCall } from './upstream-call.ts';

/**
 * Asks a second backend when the first takes longer than 95 of 100 requests do. The first good reply wins, and the
 * other call is cancelled. A hedge is sent only if a permit is free at once and the retry budget allows it.
 */
export const hedging =
  (clock: Clock): Layer =>
  (next) =>
  (call) =>
    call.request.hedge ? new HedgedCall(call, next, clock).run() : next(call);

/** A call with its answer. */
interface Branch {
  readonly call: UpstreamCall;
  readonly answer: Answer;
}

class HedgedCall implements Cancellable {
  readonly #call: UpstreamCall;
  readonly #next: Service;
  readonly #clock: Clock;
  readonly #first: UpstreamCall;
  #second: UpstreamCall | undefined;
  readonly #secondAnswered = Promise.withResolvers<Branch>();
  #winner: UpstreamCall | undefined;
  #timer: Timer | undefined;
  #delayMs = 0;

  constructor(call: UpstreamCall, next: Service, clock: Clock) {
    this.#call = call;
    this.#next = next;
    this.#clock = clock;
    this.#first = this.#branch();
  }

  async run(): Promise<Answer> {
    const afterMs = this.#call.request.upstream.hedgeAfterMs(this.#call.request.routeClass);
    this.#call.current = this;
    if (afterMs !== undefined) this.#arm(afterMs, afterMs);
    const first = this.#ask(this.#first);
    const earliest = await Promise.race([first, this.#secondAnswered.promise]);
    this.#timer?.cancel();
    if (this.#second === undefined || isGood(earliest.answer)) return this.#choose(earliest);
    // A bad answer does not decide while the other call is still in flight.
    const other = await (earliest.call === this.#first ? this.#secondAnswered.promise : first);
    if (isGood(other.answer) || other.call === this.#first) return this.#choose(other, earliest);
    return this.#choose(earliest, other);
  }

  cancel(reason: Cancellation): void {
    this.#timer?.cancel();
    this.#first.cancel(reason);
    this.#second?.cancel(reason);
  }

  /**
   * Whether a 1xx reply of this call is forwarded: yes for the winner, and for the first call while there is no winner.
   */
  readonly #mayInform = (branch: UpstreamCall): boolean => branch === (this.#winner ?? this.#first);

  #branch(): UpstreamCall {
    return this.#call.branch(this.#mayInform);
  }

  async #ask(call: UpstreamCall): Promise<Branch> {
    return { call, answer: await this.#next(call) };
  }

  #choose({ call, answer }: Branch, dropped?: Branch): Answer {
    this.#winner = call;
    const loser = call === this.#first ? this.#second : this.#first;
    if (dropped?.answer.kind === 'replied') dropped.answer.discard();
    else if (dropped === undefined) loser?.cancel(new Superseded());
    // The layers above read the permit and the body of the winning call.
    this.#call.permit = call.permit;
    this.#call.body = call.body;
    // The client has waited since the first call.
    if (call !== this.#first && answer.kind === 'replied') answer.execMs += this.#delayMs;
    return answer;
  }

  /** If no permit is free, this tries again later, because the first call may hang for ever. */
  #arm(waitMs: number, afterMs: number): void {
    this.#timer = this.#clock.setTimeLimit(
      () => {
        const now = this.#clock.now();
        const leftMs = (this.#first.permit?.startedAt ?? now) + afterMs - now;
        // The time in the queue does not count as a delay of the backend.
        if (leftMs > 1) this.#arm(leftMs, afterMs);
        else if (!this.#startSecond()) this.#arm(afterMs, afterMs);
      },
      Math.max(1, waitMs),
    );
  }

  #startSecond(): boolean {
    const { upstream, routeClass } = this.#call.request;
    const asked = this.#first.permit;
    if (asked === undefined || this.#call.isCancelled) return false;
    if (!upstream.hasSpare(routeClass, asked.backend) || !upstream.mayTryAgain('hedge')) return false;
    const second = this.#branch();
    second.isSpare = true;
    second.excluded = asked.backend;
    // Both are sent to backends: the retry layer above counts them.
    this.#call.sent++;
    this.#second = second;
    this.#delayMs = this.#clock.now() - asked.startedAt;
    void this.#ask(second).then(this.#secondAnswered.resolve, this.#secondAnswered.reject);
    return true;
  }
}

const isGood = (answer: Answer): boolean => answer.kind === 'replied' && answer.status < 500 && !answer.isOverloaded;
