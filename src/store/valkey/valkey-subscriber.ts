import type { Logger } from 'pino';
import type { ConnectionOptions, ValkeyConnection } from './valkey-connection.ts';
import { ValkeyLink } from './valkey-link.ts';

type Listener = (message: string) => void;

/** Subscriptions over one connection of their own. Each new connection makes all of them again. */
export class ValkeySubscriber {
  readonly #options: ConnectionOptions & { readonly log: Logger };
  readonly #channels = new Map<string, Set<Listener>>();
  #link: ValkeyLink | undefined;

  constructor(options: ConnectionOptions & { readonly log: Logger }) {
    this.#options = options;
  }

  subscribe(channel: string, onMessage: Listener): () => void {
    const known = this.#channels.get(channel);
    if (known === undefined) {
      this.#channels.set(channel, new Set([onMessage]));
      // A connection has the channels that were known when it was made; a new channel takes a new connection.
      this.#link?.close();
      this.#link = new ValkeyLink({
        ...this.#options,
        setUp: (connection) => this.#subscribe(connection),
        onConnected: () => {},
      });
    } else known.add(onMessage);
    return () => void this.#channels.get(channel)?.delete(onMessage);
  }

  close(): void {
    this.#link?.close();
  }

  #subscribe(connection: ValkeyConnection): Promise<void> {
    return connection.subscribe([...this.#channels.keys()], (channel, message) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    });
  }
}
