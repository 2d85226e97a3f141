import type { Clock } from '../../core/clock.ts';
import { networkOf } from '../../core/addresses.ts';
import { peerAddress } from '../http/peer-address.ts';
import { Strikes } from '../limits/strikes.ts';

/** Floods that a worker allows an address: thirty, and one more every two seconds. */
const LIMIT = { requestsPerSecond: 1 / 2, burst: 30 };

/**
 * The addresses whose connections of HTTP/2 were ended for floods. A client that comes back as soon as it is cut off costs
 * a handshake and a hundred requests each time, so after some floods its address is offered HTTP/1.1 alone. Others behind
 * the same address are still served.
 */
export class FloodMemory {
  readonly #strikes: Strikes;

  constructor(clock: Clock) {
    this.#strikes = new Strikes(clock, LIMIT);
  }

  /** Whether a connection from this address may choose HTTP/2. */
  allows(address: string | undefined): boolean {
    return this.#strikes.look(networkOf(peerAddress(address))).allowed;
  }

  flooded(address: string | undefined): void {
    this.#strikes.add(networkOf(peerAddress(address)));
  }
}
