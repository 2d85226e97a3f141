import type { Clock } from '../core/clock.ts';
import { type AddressedNews, PlaceAuthority } from '../policy/rate/place-authority.ts';
import type { PlaceAsk, PlaceNews } from '../protocol/places.ts';

/**
 * The requests in flight of all limited clients of the host: workers ask for places here. `Member`: a connection of a
 * worker, so that a worker which comes back counts anew, with the places that it then reports.
 */
export class ClientPlaces<Member> {
  readonly #clock: Clock;
  readonly #tell: (member: Member, news: readonly PlaceNews[]) => void;
  readonly #authority = new PlaceAuthority<Member>();

  constructor(clock: Clock, tell: (member: Member, news: readonly PlaceNews[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Clients of which a worker holds places. */
  get size(): number {
    return this.#authority.size;
  }

  said(member: Member, asks: readonly PlaceAsk[]): void {
    const now = this.#clock.now();
    this.#send(asks.flatMap((ask) => this.#authority.said(member, ask, now)));
  }

  left(member: Member): void {
    this.#send(this.#authority.left(member, this.#clock.now()));
  }

  #send(all: readonly AddressedNews<Member>[]): void {
    for (const [member, addressed] of Map.groupBy(all, (one) => one.member))
      this.#tell(
        member,
        addressed.map(({ news }) => news),
      );
  }
}
