import type { Clock, Timer } from '../../core/clock.ts';
import { type Cancellable, type Cancellation, ClientDeadline, UpstreamTimeout } from './cancellable.ts';

/** How long a reply may take: by the route, and by the client's `x-deadline-ms` if there is one. */
export interface TimeLimits {
  readonly timeoutMs: number;
  readonly clientWaitsMs: number | undefined;
}

/** When a call is over, with the timer that cancels it. */
export class Deadline {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly #call: Cancellable;
  readonly #limits: TimeLimits;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(
    call: Cancellable,
    { startedAt, readyAt }: { readonly startedAt: number; readonly readyAt: number },
    limits: TimeLimits,
    clock: Clock,
  ) {
    this.at = Math.min(readyAt + limits.timeoutMs, startedAt + (limits.clientWaitsMs ?? Number.POSITIVE_INFINITY));
    this.#call = call;
    this.#limits = limits;
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

  #lateness(): Cancellation {
    const { timeoutMs, clientWaitsMs = timeoutMs } = this.#limits;
    return clientWaitsMs < timeoutMs ? new ClientDeadline() : new UpstreamTimeout();
  }
}
