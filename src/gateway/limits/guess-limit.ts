import { LRUCache } from 'lru-cache';
import type { AddressSet } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import { gcra } from '../../policy/rate/gcra.ts';
import type { RateLimit } from '../../protocol/tokens.ts';
import { clientNetwork } from '../http/client-network.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';

/** Invalid keys that one client address may try at one worker. */
const LIMIT: RateLimit = { requestsPerSecond: 5, burst: 50 };
const MAX_ADDRESSES = 10_000;

/**
 * Bounds how many invalid keys an address may try, because each costs a look-up in the database. Cached keys are not
 * subject to this limit, so a guesser does not lock out known clients behind the same address.
 */
export class GuessLimit {
  readonly #clock: Clock;
  readonly #trusted: AddressSet;
  readonly #arrivals = new LRUCache<string, number>({ max: MAX_ADDRESSES });

  constructor(clock: Clock, trusted: AddressSet) {
    this.#clock = clock;
    this.#trusted = trusted;
  }

  /** The refusal for an unknown key of this client; undefined if the key may be looked up. */
  refusal(x: Exchange): Refusal | undefined {
    const previous = this.#arrivals.get(clientNetwork(x.request.peerAddress, x.head, this.#trusted));
    if (previous === undefined) return undefined;
    const { allowed, retryAfterMs } = gcra(previous, this.#clock.now(), LIMIT);
    if (allowed) return undefined;
    return new Refusal('rate-limited', 'too many invalid keys have come from this address', {
      retryAfterSeconds: Math.ceil(retryAfterMs / 1000),
    });
  }

  /** A key of this client has turned out to be invalid. */
  failed(x: Exchange): void {
    const network = clientNetwork(x.request.peerAddress, x.head, this.#trusted);
    this.#arrivals.set(network, gcra(this.#arrivals.get(network), this.#clock.now(), LIMIT).next);
  }
}
