/**
 * When the permits beyond a host's floors end. Compared at each dispatch, because a process that was stopped must not use them
 * before its timers run.
 */
export class LeaseEnd {
  /** Of the clock of this process, in milliseconds. */
  at = Number.POSITIVE_INFINITY;
  /** Gives up what has ended. */
  onEnd: (() => void) | undefined;

  check(now: number): void {
    if (now < this.at) return;
    this.at = Number.POSITIVE_INFINITY;
    this.onEnd?.();
  }
}
