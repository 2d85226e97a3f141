/** The source of time; only composition roots build the real one. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; for durations and deadlines. */
  now(): number;
  /** Milliseconds since the epoch; for records and logs. */
  wallNow(): number;
  setTimeout(callback: () => void, delayMs: number): Timer;
  /**
   * A timer for a time limit: it reads the bytes that have arrived first. After a stall of the process, timers run
   * before sockets are read, so bytes that came in time would look late.
   */
  setTimeLimit(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Called for an exception in a timer's callback. */
type OnTimerError = (error: unknown) => void;

/** As an object with a shared callback: each request has one, and closures for it would cost more than the timer. */
class TimeLimit implements Timer {
  readonly #callback: () => void;
  readonly #onError: OnTimerError | undefined;
  readonly #timer: NodeJS.Timeout;
  #turn: NodeJS.Immediate | undefined;

  constructor(callback: () => void, delayMs: number, onError: OnTimerError | undefined) {
    this.#callback = callback;
    this.#onError = onError;
    this.#timer = setTimeout(TimeLimit.#elapsed, delayMs, this);
  }

  static #elapsed(limit: TimeLimit): void {
    limit.#turn = setImmediate(TimeLimit.#run, limit);
  }

  static #run(limit: TimeLimit): void {
    run(limit.#callback, limit.#onError);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }
}

function run(callback: () => void, onError: OnTimerError | undefined): void {
  if (onError === undefined) callback();
  else {
    try {
      callback();
    } catch (error) {
      onError(error);
    }
  }
}

/**
 * The real clock. Its timers keep the process alive, so that an exit cannot cut off work that waits for one. `onError`
 * gets an exception in a timer's callback; without it the exception is uncaught.
 */
export function openClock(onError?: OnTimerError): Clock {
  return {
    now: () => performance.now(),
    wallNow: () => Date.now(),
    setTimeout(callback, delayMs) {
      const timer = setTimeout(run, delayMs, callback, onError);
      return { cancel: () => clearTimeout(timer) };
    },
    setTimeLimit: (callback, delayMs) => new TimeLimit(callback, delayMs, onError),
  };
}

/** A clock for commands that end with their first error. */
export const systemClock: Clock = openClock();
