/** So many failures in a row open it. */
const FAILURES = 3;

/**
 * Keeps a dead store from being asked: after three failures in a row nothing is asked but a probe now and then, and
 * the first success ends that.
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
