import { AsyncLocalStorage } from 'node:async_hooks';

/** Which request a piece of work is done for, through everything that it awaits: for logs far away from the request. */
export class RequestScope {
  readonly #storage = new AsyncLocalStorage<string>();

  run<Result>(requestId: string, work: () => Result): Result {
    return this.#storage.run(requestId, work);
  }

  /** The id of the request; undefined for work that is done for none, or for many. */
  get current(): string | undefined {
    return this.#storage.getStore();
  }
}
