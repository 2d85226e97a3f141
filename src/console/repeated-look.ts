import type { Clock, Timer } from '../core/clock.ts';

/** When a view reads again what it shows: as long as it is on the page, and one reading at a time. */
export class RepeatedLook {
  readonly #clock: Clock;
  readonly #element: { readonly isConnected: boolean };
  #timer: Timer | undefined;
  #looks = 0;

  constructor(element: { readonly isConnected: boolean }, clock: Clock) {
    this.#element = element;
    this.#clock = clock;
  }

  /** Takes the place of the look that waits or is under way. The answer says later whether no other one has taken this one's. */
  begin(): () => boolean {
    this.#timer?.cancel();
    const look = ++this.#looks;
    return () => look === this.#looks;
  }

  again(afterMs: number, look: () => Promise<void>): void {
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#element.isConnected) void look();
    }, afterMs);
  }
}
