/**
 * When the permits beyond a host's floors end. Each dispatch compares it with the clock, because a process that was stopped
 * goes on before its timers run.
 */
export class LeaseEnd {
  /** Of the clock of this process, in milliseconds. */
  at = Number.POSITIVE_INFINITY;
  /** Gives up the permits that have ended. */
  onEnd: (() => void) | undefined;

  check(now: number): void {
    if (now < this.at) return;
    this.at = Number.POSITIVE_INFINITY;
    this.onEnd?.();
  }
}
