/** Where time comes from; only composition roots build the real one. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; for durations and deadlines. */
  now(): number;
  /** Milliseconds since the epoch; for records and logs. */
  wallNow(): number;
  setTimeout(callback: () => void, delayMs: number): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The real clock. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
