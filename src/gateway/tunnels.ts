import type { Duplex } from 'node:stream';

/** The tunnels of a worker, which have no last byte to wait for: a worker that ends has to end them. */
export class Tunnels {
  readonly #open = new Set<Duplex>();

  add(client: Duplex): void {
    this.#open.add(client);
    client.once('close', () => this.#open.delete(client));
  }

  get size(): number {
    return this.#open.size;
  }

  closeAll(): void {
    for (const client of this.#open) client.destroy();
  }
}
