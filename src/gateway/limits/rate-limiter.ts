import type { AddressSet } from '../../core/addresses.ts';
import type { Clock } from '../../core/clock.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Counter, Registry } from '../../metrics/instruments.ts';
import type { RateLimit, TokenAsk } from '../../protocol/tokens.ts';
import { clientNetwork } from '../http/client-network.ts';
import type { Exchange } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import type { Checked } from './checked.ts';
import { subjectOf } from './subject.ts';
import { TokenClient, type TokenVerdict } from './token-client.ts';

export interface RateLimiterOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly workers: number;
  /** The limit of every key that has none of its own. */
  readonly keyLimit: RateLimit | undefined;
  readonly addressLimit: RateLimit | undefined;
  readonly trustedProxies: AddressSet;
  readonly sendTokenAsks?: ((asks: readonly TokenAsk[]) => boolean) | undefined;
}

/** The subject of a limit, which is also the name of its policy in the RateLimit fields. */
type Policy = 'key' | 'address' | 'route';

const details: Readonly<Record<Policy, string>> = {
  key: 'the key has used up its rate',
  address: 'requests come too fast from this address',
  route: 'the rate of this route is used up',
};

/** Enforces the rates of keys and addresses: one limit for the host, whichever workers the requests reach. */
export class RateLimiter {
  readonly tokens: TokenClient;
  readonly #options: RateLimiterOptions;
  #keyLimit: RateLimit | undefined;
  #addressLimit: RateLimit | undefined;
  readonly #counters: Readonly<Record<Policy, { readonly allowed: Counter; readonly refused: Counter }>>;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.useLimits(options.keyLimit, options.addressLimit);
    const { clock, bugs, workers, registry, sendTokenAsks: send } = options;
    this.tokens = new TokenClient({ clock, bugs, workers, send });
    const help = 'Requests that were checked against a rate limit, by policy and result';
    const results = registry.counter('rampart_rate_limit_total', help, 'policy', 'result');
    const of = (policy: Policy) => ({
      allowed: results.of(policy, 'allowed'),
      refused: results.of(policy, 'refused'),
    });
    this.#counters = { key: of('key'), address: of('address'), route: of('route') };
    const byShare = registry
      .counter('rampart_rate_limit_by_share_total', "Requests decided by a worker's share, without control")
      .of();
    registry.onSnapshot(() => (byShare.value = this.tokens.byShare));
  }

  /** Replaces the limits; the tokens of keys and addresses stay with control. */
  useLimits(keyLimit: RateLimit | undefined, addressLimit: RateLimit | undefined): void {
    this.#keyLimit = keyLimit;
    this.#addressLimit = addressLimit;
  }

  /** The limit of the client's address. */
  checkAddress(x: Exchange): Checked {
    const { trustedProxies } = this.#options;
    const addressLimit = this.#addressLimit;
    if (addressLimit === undefined) return undefined;
    return this.#check('address', clientNetwork(x.request.peerAddress, x.head, trustedProxies), addressLimit, x);
  }

  /** The limit of the key. */
  checkKey(x: Exchange): Checked {
    const limit = x.key?.limit ?? this.#keyLimit;
    if (x.key === undefined || limit === undefined) return undefined;
    return this.#check('key', x.key.id, limit, x);
  }

  /** The limit of a route for one subject, such as a key. */
  checkRoute(x: Exchange, subject: string, limit: RateLimit): Checked {
    return this.#check('route', subject, limit, x);
  }

  /** Charges a subject of a route's limit for a request that has cost more than one. */
  chargeRoute(subject: string, limit: RateLimit, tokens: number): void {
    this.tokens.charge(subjectOf('route', subject), limit, tokens);
  }

  #check(policy: Policy, id: string, limit: RateLimit, x: Exchange): Checked {
    const verdict = this.tokens.take(subjectOf(policy, id), limit);
    if (!(verdict instanceof Promise)) return this.#conclude(policy, limit, verdict);
    const since = this.#options.clock.now();
    return verdict.then((found) => {
      x.metrics.observeWait('limit', (this.#options.clock.now() - since) / 1000);
      return this.#conclude(policy, limit, found);
    });
  }

  #conclude(policy: Policy, limit: RateLimit, verdict: TokenVerdict): Refusal | undefined {
    if (verdict === undefined) {
      this.#counters[policy].allowed.value++;
      return undefined;
    }
    this.#counters[policy].refused.value++;
    return refusalOf(policy, limit, verdict);
  }
}

/** Fields as in draft-ietf-httpapi-ratelimit-headers: the bucket as a quota, and the time in which it fills. */
function refusalOf(policy: Policy, { requestsPerSecond, burst }: RateLimit, retryAfterMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const window = Math.max(1, Math.round(burst / requestsPerSecond));
  const state = `"${policy}";r=0;t=${seconds}`;
  return new Refusal('rate-limited', details[policy], {
    retryAfterSeconds: seconds,
    headers: ['ratelimit', state, 'ratelimit-policy', `"${policy}";q=${burst};w=${window}`],
  });
}
