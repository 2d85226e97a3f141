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

/** The real clock. Its timers keep the process alive: what waits for one must not be cut off by an exit. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
