import type { Clock, Timer } from '../../core/clock.ts';
import { type AttemptCancelled, ClientDeadline, UpstreamTimeout } from '../attempt-error.ts';
import type { Layer } from './layer.ts';
import type { UpstreamCall } from './upstream-call.ts';

/**
 * Cancels a call whose time is over before the head of a reply is there: the wait for a permit and all attempts together.
 * The time of a body that is forwarded while it comes counts from its end, as until then the client is the slow one.
 */
export const deadlines =
  (clock: Clock): Layer =>
  (next) =>
  async (call) => {
    const deadline = new Deadline(call, clock);
    call.deadline = deadline;
    deadline.restart(Math.max(1, deadline.at - clock.now()));
    try {
      return await next(call);
    } finally {
      deadline.stop();
    }
  };

/** When a call is over, with the timer that ends it. */
export class Deadline {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly #call: UpstreamCall;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(call: UpstreamCall, clock: Clock) {
    const { startedAt, readyAt } = call.caller;
    const { timeoutMs, clientWaitsMs = Number.POSITIVE_INFINITY } = call.request;
    this.at = Math.min(readyAt + timeoutMs, startedAt + clientWaitsMs);
    this.#call = call;
    this.#clock = clock;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  restart(afterMs: number): void {
    this.stop();
    this.#timer = this.#clock.setTimeLimit(() => this.#call.cancel(this.#lateness()), afterMs);
  }

  #lateness(): AttemptCancelled {
    const { timeoutMs, clientWaitsMs = timeoutMs } = this.#call.request;
    return clientWaitsMs < timeoutMs ? new ClientDeadline() : new UpstreamTimeout();
  }
}
