import type { Clock, Timer } from '../core/clock.ts';

const INTERVAL_MS = 500;

/** Calls `beat` at its start and each half second after that, until it is stopped. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #beat: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, beat: () => void) {
    this.#clock = clock;
    this.#beat = beat;
  }

  start(): void {
    this.#beat();
    this.#timer = this.#clock.setTimeout(() => this.start(), INTERVAL_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
