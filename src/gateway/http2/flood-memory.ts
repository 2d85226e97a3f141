import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';
import { gcra } from '../../policy/rate/gcra.ts';
import { networkOf } from '../http/client-network.ts';
import { peerAddress } from '../http/peer-address.ts';

/** Floods that a worker allows an address: thirty, and one more every two seconds. */
const LIMIT = { requestsPerSecond: 1 / 2, burst: 30 };
const MAX_ADDRESSES = 10_000;

/**
 * The addresses whose connections of HTTP/2 were ended for floods. A client that comes back as soon as it is cut off costs
 * a handshake and a hundred requests each time, so after some floods its address is offered HTTP/1.1 alone. Others behind
 * the same address are still served.
 */
export class FloodMemory {
  readonly #clock: Clock;
  readonly #arrivals = new LRUCache<string, number>({ max: MAX_ADDRESSES });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a connection from this address may choose HTTP/2. */
  allows(address: string | undefined): boolean {
    const previous = this.#arrivals.get(networkOf(peerAddress(address)));
    return previous === undefined || gcra(previous, this.#clock.now(), LIMIT).allowed;
  }

  flooded(address: string | undefined): void {
    const network = networkOf(peerAddress(address));
    this.#arrivals.set(network, gcra(this.#arrivals.get(network), this.#clock.now(), LIMIT).next);
  }
}
