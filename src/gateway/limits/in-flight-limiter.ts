import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Registry } from '../../metrics/instruments.ts';
import type { PlaceAsk } from '../../protocol/places.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import type { Checked } from './checked.ts';
import { type ClientPlace, PlaceClient } from './place-client.ts';
import { subjectOf } from './subject.ts';

export interface InFlightLimiterOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly workers: number;
  /** Requests in flight of every key. */
  readonly keyInFlight: number | undefined;
  readonly sendPlaceAsks?: ((asks: readonly PlaceAsk[]) => boolean) | undefined;
}

type Policy = 'key' | 'route';

const details: Readonly<Record<Policy, string>> = {
  key: 'the key has as many requests in flight as it may have',
  route: 'the client has as many requests in flight on this route as it may have',
};

/** Enforces how many requests of one client are in flight: one limit for the host, whichever workers they reach. */
export class InFlightLimiter {
  readonly places: PlaceClient;
  readonly #clock: Clock;
  #keyInFlight: number | undefined;
  readonly #counters: Readonly<Record<Policy, { readonly allowed: Counter; readonly refused: Counter }>>;

  constructor({ clock, registry, bugs, workers, keyInFlight, sendPlaceAsks: send }: InFlightLimiterOptions) {
    this.#clock = clock;
    this.#keyInFlight = keyInFlight;
    this.places = new PlaceClient({ clock, bugs, workers, send });
    const help = 'Requests that were checked against a limit of requests in flight, by policy and result';
    const results = registry.counter('rampart_in_flight_limit_total', help, 'policy', 'result');
    const of = (policy: Policy) => ({
      allowed: results.of(policy, 'allowed'),
      refused: results.of(policy, 'refused'),
    });
    this.#counters = { key: of('key'), route: of('route') };
    const byShare = registry
      .counter('rampart_in_flight_limit_by_share_total', "Requests decided by a worker's share, without control")
      .of();
    registry.onSnapshot(() => (byShare.value = this.places.byShare));
  }

  /** Replaces the limit of keys; requests in flight stay. */
  useKeyLimit(keyInFlight: number | undefined): void {
    this.#keyInFlight = keyInFlight;
  }

  /** The limit of the key, over all routes. */
  checkKey(x: Exchange): Checked {
    const max = this.#keyInFlight;
    return x.key === undefined || max === undefined ? undefined : this.#check('key', x.key.id, max, x);
  }

  /** The limit of a route for one subject, such as a key. */
  checkRoute(x: Exchange, subject: string, max: number): Checked {
    return this.#check('route', subject, max, x);
  }

  #check(policy: Policy, id: string, max: number, x: Exchange): Checked {
    const found = this.places.take(subjectOf(policy, id), max);
    if (!(found instanceof Promise)) return this.#conclude(policy, max, x, found);
    const since = this.#clock.now();
    return found.then((place) => {
      x.metrics.observeWait('limit', (this.#clock.now() - since) / 1000);
      return this.#conclude(policy, max, x, place);
    });
  }

  /** The place is held until the end of the reply, which of a tunnel or a stream may be much later. */
  #conclude(policy: Policy, max: number, x: Exchange, place: ClientPlace | undefined): Refusal | undefined {
    if (place === undefined) {
      this.#counters[policy].refused.value++;
      return refusalOf(policy, max);
    }
    this.#counters[policy].allowed.value++;
    x.releaseAtEnd(place);
    return undefined;
  }
}

/** Fields as in draft-ietf-httpapi-ratelimit-headers, with its unit for requests in flight. When one ends is unknown. */
const refusalOf = (policy: Policy, max: number): Refusal =>
  new Refusal('too-many-in-flight', details[policy], {
    retryAfterSeconds: 1,
    headers: ['ratelimit', `"${policy}";r=0`, 'ratelimit-policy', `"${policy}";q=${max};qu="concurrent-requests"`],
  });
