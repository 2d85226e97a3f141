import { AskBatch } from './ask-batch.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { LocalPlaces } from '../../policy/rate/local-places.ts';
import { PLACE_WAIT_MS, type PlaceAsk, type PlaceNews } from '../../protocol/places.ts';

/** How often unused places are looked for. */
const SWEEP_MS = 100;

export interface PlaceClientOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** The number of workers of the host, from which the share of this one follows. */
  readonly workers: number;
  /** Tells control; false when it cannot be told now. Undefined where there is no control. */
  readonly send?: ((asks: readonly PlaceAsk[]) => boolean) | undefined;
}

/** One request of a client in flight. */
export interface ClientPlace {
  release(): void;
}

interface Waiter {
  readonly since: number;
  readonly resolve: (place: ClientPlace | undefined) => void;
}

/** Keeps the places of all clients of a worker in step with control: one message a turn of the event loop for all. */
export class PlaceClient {
  readonly #options: PlaceClientOptions;
  readonly #clients = new Map<string, LocalPlaces>();
  readonly #queues = new Map<LocalPlaces, Waiter[]>();
  readonly #asks: AskBatch<LocalPlaces, PlaceAsk>;
  #present = false;
  /** Control has not answered in time, and has not answered since. */
  #late = false;
  #patience: Timer | undefined;
  #sweep: Timer | undefined;
  #byShare = 0;

  constructor(options: PlaceClientOptions) {
    this.#options = options;
    this.#asks = new AskBatch({
      clock: options.clock,
      bugs: options.bugs,
      where: 'places',
      askOf: (places, now) => this.#ask(places, now),
      send: (asks) => this.#send(asks),
    });
  }

  /** Clients with requests in flight, or with places that are kept for the next ones. */
  get size(): number {
    return this.#clients.size;
  }

  /** Requests that were decided without control. */
  get byShare(): number {
    return this.#byShare;
  }

  /** A place, or undefined if the client has no more; waits for control if this worker has none. */
  take(subject: string, max: number): ClientPlace | undefined | Promise<ClientPlace | undefined> {
    const now = this.#options.clock.now();
    const places = this.#places(subject, max);
    if (!this.#present) return this.#takeByShare(places, now);
    if (places.take(now)) return this.#place(places);
    // A client that sends so many at once is over its limit, whichever of them end in the meantime.
    if ((this.#queues.get(places)?.length ?? 0) >= max) return undefined;
    places.isWanted = true;
    if (!this.#late) return this.#wait(places, now);
    this.#asks.add(places);
    return this.#takeByShare(places, now);
  }

  /** Control is connected, and hears at once of the places in use. */
  connected(): void {
    this.#present = true;
    this.#late = false;
    for (const places of this.#clients.values()) {
      places.forget();
      this.#asks.add(places);
    }
  }

  /** Control is gone: the shares decide, and no request waits. */
  lost(): void {
    this.#present = false;
    const now = this.#options.clock.now();
    for (const places of this.#clients.values()) {
      places.forget();
      this.#forgetIfUnused(places);
    }
    for (const places of this.#queues.keys()) this.#decideByShare(places, now);
  }

  /** Control's news. */
  heard(news: readonly PlaceNews[]): void {
    const now = this.#options.clock.now();
    this.#late = false;
    for (const one of news) {
      // Of a client that is not known any more it takes the place only to give it back.
      const places = this.#clients.get(one.subject) ?? this.#places(one.subject, 1);
      places.heard(one, now);
      this.#serve(places, now);
      this.#settle(places);
    }
  }

  close(): void {
    this.#patience?.cancel();
    this.#sweep?.cancel();
    this.lost();
  }

  #places(subject: string, max: number): LocalPlaces {
    const known = this.#clients.get(subject);
    if (known !== undefined) {
      known.max = max;
      return known;
    }
    const places = new LocalPlaces(subject, max, this.#options.workers);
    this.#clients.set(subject, places);
    return places;
  }

  #place(places: LocalPlaces): ClientPlace {
    let isReleased = false;
    return {
      release: () => {
        if (isReleased) return;
        isReleased = true;
        const now = this.#options.clock.now();
        places.release(now);
        this.#serve(places, now);
        this.#settle(places);
      },
    };
  }

  #takeByShare(places: LocalPlaces, now: number): ClientPlace | undefined {
    this.#byShare++;
    if (places.takeByShare(now)) return this.#place(places);
    this.#settle(places);
    return undefined;
  }

  /** Gives back what need not stay here, now or later, and forgets a client of which nothing is here. */
  #settle(places: LocalPlaces): void {
    if (places.isBlank) this.#forgetIfUnused(places);
    else if (this.#present) {
      this.#asks.add(places);
      this.#sweep ??= this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
    }
  }

  #wait(places: LocalPlaces, now: number): Promise<ClientPlace | undefined> {
    return new Promise((resolve) => {
      const waiter = { since: now, resolve };
      const queue = this.#queues.get(places);
      if (queue === undefined) this.#queues.set(places, [waiter]);
      else queue.push(waiter);
      this.#asks.add(places);
      this.#patience ??= this.#options.clock.setTimeout(() => this.#losePatience(), PLACE_WAIT_MS);
    });
  }

  #serve(places: LocalPlaces, now: number): void {
    const queue = this.#queues.get(places);
    if (queue === undefined) return;
    let served = 0;
    while (served < queue.length && places.take(now)) queue[served++]?.resolve(this.#place(places));
    queue.splice(0, served);
    if (queue.length === 0) this.#queues.delete(places);
  }

  /** Refuses those that have waited long enough, if control lives; otherwise the share decides. */
  #losePatience(): void {
    this.#patience = undefined;
    const { clock } = this.#options;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [places, queue] of this.#queues) {
      const [{ since } = { since: now }] = queue;
      if (places.heardAt < since && now - since >= PLACE_WAIT_MS) {
        this.#late = true;
        this.#decideByShare(places, now);
        continue;
      }
      while (queue[0] !== undefined && now - queue[0].since >= PLACE_WAIT_MS) queue.shift()?.resolve(undefined);
      if (queue[0] !== undefined) next = Math.min(next, queue[0].since);
      else {
        this.#queues.delete(places);
        this.#settle(places);
      }
    }
    if (next < Number.POSITIVE_INFINITY)
      this.#patience = clock.setTimeout(() => this.#losePatience(), next + PLACE_WAIT_MS - now);
  }

  #decideByShare(places: LocalPlaces, now: number): void {
    const queue = this.#queues.get(places) ?? [];
    this.#queues.delete(places);
    for (const { resolve } of queue) resolve(this.#takeByShare(places, now));
  }

  #ask(places: LocalPlaces, now: number): PlaceAsk | undefined {
    if (!this.#present) return undefined;
    // A control that was late shows by its answer that it is back.
    const ask = places.ask(this.#queues.get(places)?.length ?? (this.#late ? 1 : 0), now);
    this.#forgetIfUnused(places);
    return ask;
  }

  #forgetIfUnused(places: LocalPlaces): void {
    if (places.isBlank && !this.#queues.has(places)) this.#clients.delete(places.subject);
  }

  #send(asks: readonly PlaceAsk[]): void {
    if (this.#options.send?.(asks) === true) return;
    const now = this.#options.clock.now();
    for (const ask of asks) {
      const places = this.#places(ask.subject, ask.max);
      places.unsent(ask);
      this.#decideByShare(places, now);
    }
    this.#sweep ??= this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }

  #sweepUp(): void {
    this.#sweep = undefined;
    if (!this.#present) return;
    for (const places of this.#clients.values()) this.#asks.add(places);
    if (this.#clients.size > 0) this.#sweep = this.#options.clock.setTimeout(() => this.#sweepUp(), SWEEP_MS);
  }
}
