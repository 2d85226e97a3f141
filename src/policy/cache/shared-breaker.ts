/** The failures in a row that open it. */
const FAILURES = 5;
/** How long it stays open before one call probes the store again. */
const OPEN_MS = 1000;

/**
 * Says whether a store that may fail is asked. Closed: always. Open after five failures in a row: for a second, never. Then half-open: one
 * call probes it, and its result closes or opens the breaker.
 */
export class SharedBreaker {
  #failures = 0;
  #openUntil = Number.NEGATIVE_INFINITY;
  #isProbing = false;

  get isOpen(): boolean {
    return this.#failures >= FAILURES;
  }

  /** Whether the store may be asked now; each call that is allowed ends with `succeeded` or `failed`. */
  allows(now: number): boolean {
    if (!this.isOpen) return true;
    if (now < this.#openUntil || this.#isProbing) return false;
    this.#isProbing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isProbing = false;
  }

  failed(now: number): void {
    this.#failures++;
    this.#isProbing = false;
    if (this.isOpen) this.#openUntil = now + OPEN_MS;
  }
}
