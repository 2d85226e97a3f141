import type { RouteConfig } from '../../config/model.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import { clientNetwork } from '../http/client-network.ts';
import { Refusal } from '../refusal.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Authenticator } from './authenticator.ts';
import { BasicAuthenticator } from './basic-authenticator.ts';
import { CertificateAuthenticator } from './certificate-authenticator.ts';
import { CrossSiteGuard } from './cross-site-guard.ts';
import { ForwardAuthenticator } from './forward-authenticator.ts';
import type { RouteReuse } from '../routes/route-reuse.ts';
import type { KeySet } from './key-set.ts';

/**
 * Makes the authenticators of the routes. Routes with the same settings share one, with what it knows, also over a change
 * of the configuration: the issuer of tokens may be unavailable at that moment.
 */
export class Authenticators {
  readonly #gateway: GatewayContext;
  readonly #upstreamOf: (name: string) => Upstream;
  readonly #reuse: RouteReuse;
  readonly #keySets: Map<string, KeySet>;

  constructor(gateway: GatewayContext, upstreamOf: (name: string) => Upstream, reuse: RouteReuse) {
    this.#gateway = gateway;
    this.#upstreamOf = upstreamOf;
    this.#reuse = reuse;
    this.#keySets = reuse.part('key sets', () => new Map<string, KeySet>());
  }

  /** API keys. */
  byKey(): Authenticator {
    return this.#once('key', () => {
      const { keys, guesses } = this.#gateway.limits;
      return {
        identify: (x) => {
          const found = keys.identify(x.head.authorization, x.head.apiKey, () => guesses.refusal(x));
          return found instanceof Promise ? found.then((one) => withinScopes(x, one)) : withinScopes(x, found);
        },
      };
    });
  }

  /** Undefined for a route that everyone may use. */
  of(config: RouteConfig): Authenticator | undefined {
    const { authentication, jwt, basic, forward, certificate, endpoint } = config;
    if (authentication === 'none') return undefined;
    if (authentication === 'key') return this.byKey();
    const mayCheck = (x: Exchange): Refusal | undefined => this.#gateway.limits.guesses.refusal(x);
    if (authentication === 'jwt' && jwt !== undefined) {
      const shared = this.#once(`jwt ${JSON.stringify(jwt)}`, () => {
        const { clock, log } = this.#gateway;
        const warn = (message: string, details: object): void => log.warn(details, message);
        return loadedLater(
          import('./jwt-authenticator.ts').then(({ openJwtAuthenticator }) =>
            openJwtAuthenticator(jwt, { clock, warn, mayVerify: mayCheck, keySets: this.#keySets }),
          ),
        );
      });
      return jwt.cookie === undefined ? shared : new CrossSiteGuard(shared, jwt.cookie, config.cors);
    }
    if (authentication === 'basic' && basic !== undefined)
      return this.#once(`basic ${JSON.stringify(basic)}`, () => {
        const { clock, trustedProxies } = this.#gateway;
        const clientOf = ({ request, head }: Exchange): string =>
          clientNetwork(request.peerAddress, head, trustedProxies);
        return new BasicAuthenticator(basic, { mayCheck, clientOf, clock });
      });
    if (authentication === 'certificate' && certificate !== undefined)
      return this.#once(
        `certificate ${JSON.stringify(certificate)}`,
        () => new CertificateAuthenticator(certificate, this.#gateway.clock),
      );
    if (authentication === 'forward' && forward !== undefined) {
      const upstream = this.#upstreamOf(forward.upstream);
      return this.#once(
        `forward ${JSON.stringify(forward)}`,
        () => new ForwardAuthenticator(this.#gateway, forward, upstream),
      );
    }
    throw new Error(`the route ${endpoint} has no settings for authenticate: '${authentication}'`);
  }

  #once(name: string, make: () => Authenticator): Authenticator {
    return this.#reuse.part(`authenticator ${name}`, make);
  }
}

/** A key with scopes may use only the endpoints that it names (RFC 6750 §3.1). */
function withinScopes(x: Exchange, found: KeyIdentity | Refusal): KeyIdentity | Refusal {
  const { endpoint } = x.metrics;
  if (found instanceof Refusal || found.scopes === undefined || found.scopes.has(endpoint)) return found;
  return new Refusal('forbidden', `the key has no scope for this endpoint, ${endpoint}`, {
    headers: ['www-authenticate', `Bearer realm="rampart", error="insufficient_scope", scope="${endpoint}"`],
  });
}

/** The library for tokens takes 11 MB, so a worker loads it only for a route that needs it. */
function loadedLater(loading: Promise<Authenticator>): Authenticator {
  let loaded: Authenticator | undefined;
  void loading.then(
    (authenticator) => (loaded = authenticator),
    // Each request gets the reason when it asks.
    () => {},
  );
  return { identify: (x) => loaded?.identify(x) ?? loading.then((authenticator) => authenticator.identify(x)) };
}
