/** The failures in a row that open it. */
const FAILURES = 3;

/**
 * Says whether a store has failed. After three failures in a row only probes ask it, and the first success closes the
 * breaker.
 */
export class Breaker {
  #failures = 0;

  get isOpen(): boolean {
    return this.#failures >= FAILURES;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
  }
}
