/** Where time comes from; only composition roots build the real one. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; for durations and deadlines. */
  now(): number;
  /** Milliseconds since the epoch; for records and logs. */
  wallNow(): number;
  setTimeout(callback: () => void, delayMs: number): Timer;
  /**
   * For what is given up when it is late: what has arrived by then is taken in first. After a stall of the process its
   * timers run before its sockets are read, and what came in time would look late.
   */
  setTimeLimit(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  cancel(): void;
}

/** As an object with a shared callback: each request has one, and closures for it would cost more than the timer. */
class TimeLimit implements Timer {
  readonly #callback: () => void;
  readonly #timer: NodeJS.Timeout;
  #turn: NodeJS.Immediate | undefined;

  constructor(callback: () => void, delayMs: number) {
    this.#callback = callback;
    this.#timer = setTimeout(TimeLimit.#elapsed, delayMs, this);
  }

  static #elapsed(limit: TimeLimit): void {
    limit.#turn = setImmediate(limit.#callback);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }
}

/** The real clock. Its timers keep the process alive: what waits for one must not be cut off by an exit. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  setTimeLimit: (callback, delayMs) => new TimeLimit(callback, delayMs),
};
