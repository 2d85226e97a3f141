import type { Clock, Timer } from '../../core/clock.ts';
import { UpstreamTimeout } from './cancellable.ts';
import type { PermitList } from './permit.ts';

/**
 * Ends requests that hold a permit for longer than `maxDurationMs`, bodies included. The permits of a dead host are lent again
 * soon after that time, so no request may last longer.
 */
export class DurationLimit {
  readonly #clock: Clock;
  readonly #permits: PermitList;
  readonly #mostMs: number;
  #timer: Timer | undefined;
  /** All requests that began up to this time have been ended. */
  #endedUpTo = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, permits: PermitList, mostMs: number) {
    this.#clock = clock;
    this.#permits = permits;
    this.#mostMs = mostMs;
  }

  /** A permit was taken: from now on the oldest one is watched. */
  watch(): void {
    if (this.#timer !== undefined) return;
    let permit = this.#permits.oldest;
    // A request that was ended stays in the list until its backend has noticed.
    while (permit !== undefined && permit.startedAt <= this.#endedUpTo) permit = permit.next;
    if (permit === undefined) return;
    const leftMs = permit.startedAt + this.#mostMs - this.#clock.now();
    this.#timer = this.#clock.setTimeout(() => this.#end(), Math.max(0, leftMs));
  }

  #end(): void {
    this.#timer = undefined;
    const latest = this.#clock.now() - this.#mostMs;
    for (let permit = this.#permits.oldest; permit !== undefined && permit.startedAt <= latest;) {
      const { next, startedAt, user } = permit;
      if (startedAt > this.#endedUpTo) user?.cancel(new UpstreamTimeout());
      permit = next;
    }
    this.#endedUpTo = latest;
    this.watch();
  }
}
