/** A reply without a last byte to wait for, so a worker that stops has to end it. */
export interface Endless {
  /** Ends it in a way that its client can distinguish from a failure. */
  shutDown(): void;
}

/** The tunnels and event streams of a worker. */
export class Tunnels {
  readonly #open = new Set<Endless>();

  add(endless: Endless): void {
    this.#open.add(endless);
  }

  remove(endless: Endless): void {
    this.#open.delete(endless);
  }

  get size(): number {
    return this.#open.size;
  }

  closeAll(): void {
    for (const endless of this.#open) endless.shutDown();
    this.#open.clear();
  }
}
