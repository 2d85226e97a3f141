import type { AddressSet } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import type { RateLimit } from '../../protocol/tokens.ts';
import { clientNetwork } from '../http/client-network.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { Strikes } from './strikes.ts';

/** Invalid keys that one client address may try at one worker. */
const LIMIT: RateLimit = { requestsPerSecond: 5, burst: 50 };

/**
 * Bounds how many invalid keys an address may try, because each costs a look-up in the database. Cached keys are not
 * subject to this limit, so a guesser does not lock out known clients behind the same address.
 */
export class GuessLimit {
  readonly #trusted: AddressSet;
  readonly #strikes: Strikes;

  constructor(clock: Clock, trusted: AddressSet) {
    this.#strikes = new Strikes(clock, LIMIT);
    this.#trusted = trusted;
  }

  /** The refusal for an unknown key of this client; undefined if the key may be looked up. */
  refusal(x: Exchange): Refusal | undefined {
    const { allowed, retryAfterMs } = this.#strikes.look(this.#networkOf(x));
    if (allowed) return undefined;
    return new Refusal('rate-limited', 'too many invalid keys have come from this address', {
      retryAfterSeconds: Math.ceil(retryAfterMs / 1000),
    });
  }

  /** A key of this client has turned out to be invalid. */
  failed(x: Exchange): void {
    this.#strikes.add(this.#networkOf(x));
  }

  #networkOf({ request, head }: Exchange): string {
    return clientNetwork(request.peerAddress, head, this.#trusted);
  }
}
