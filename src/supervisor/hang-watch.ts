import type { Clock, Timer } from '../core/clock.ts';
import { starvedMs } from '../core/process-state.ts';
import { Heartbeats } from '../policy/health/heartbeats.ts';
import { BEAT, BEAT_INTERVAL_MS, HANG_LIMIT_MS, LONGEST_GAP_MS } from './hang-limits.ts';

/** Watches child processes that send beats, from the first beat of each on. */
export class HangWatch<Child extends { readonly pid: number | undefined }> {
  readonly #heartbeats = new Heartbeats<Child>(HANG_LIMIT_MS, LONGEST_GAP_MS);
  readonly #clock: Clock;
  readonly #onHang: (child: Child) => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, onHang: (child: Child) => void) {
    this.#clock = clock;
    this.#onHang = onHang;
    this.#check();
  }

  /** A child has said something; anything but a beat (its end, that it is being debugged) ends its watch. */
  said(child: Child, message: unknown): void {
    if (message === BEAT) this.#heartbeats.beat(child);
    else this.#heartbeats.forget(child);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const starvedOf = ({ pid }: Child): number => (pid === undefined ? 0 : starvedMs(pid));
    for (const child of this.#heartbeats.check(this.#clock.now(), starvedOf)) {
      this.#heartbeats.forget(child);
      this.#onHang(child);
    }
    this.#timer = this.#clock.setTimeout(() => this.#check(), BEAT_INTERVAL_MS);
  }
}
