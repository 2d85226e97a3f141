/** Calls back once in a microtask, however often it was asked to before. */
export class Soon {
  readonly #callback: () => void;
  readonly #onError: (error: unknown) => void;
  #isAsked = false;

  constructor(callback: () => void, onError: (error: unknown) => void) {
    this.#callback = callback;
    this.#onError = onError;
  }

  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    queueMicrotask(this.#run);
  }

  readonly #run = (): void => {
    this.#isAsked = false;
    try {
      this.#callback();
    } catch (error) {
      this.#onError(error);
    }
  };
}
