import { CorsPolicy, type CorsRules } from '../../policy/routing/cors.ts';
import type { Exchange } from '../exchange.ts';
import { cookieValue, fieldValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import { type Authenticator, bearerToken, type Identified } from './authenticator.ts';

const crossSite = new Refusal(
  'forbidden',
  'a page of another site may not use the token in the cookie here; cors.origins of the route can allow its origin',
);

/**
 * Refuses requests with effects that a page of another site makes with the token in a cookie, because the browser sends
 * the cookie without asking the user.
 */
export class CrossSiteGuard implements Authenticator {
  readonly #behind: Authenticator;
  readonly #cookie: string;
  readonly #allowed: CorsPolicy | undefined;

  constructor(behind: Authenticator, cookie: string, cors: CorsRules | undefined) {
    this.#behind = behind;
    this.#cookie = cookie;
    // '*' is for pages that use no cookies.
    this.#allowed = cors === undefined || cors.origins === '*' ? undefined : new CorsPolicy(cors);
  }

  identify(x: Exchange): Identified | Promise<Identified> {
    return this.#isCrossSite(x) ? crossSite : this.#behind.identify(x);
  }

  #isCrossSite(x: Exchange): boolean {
    const { head, isSafe, request } = x;
    if (isSafe && request.upgrade === undefined) return false;
    if (bearerToken(head.authorization) !== undefined || cookieValue(head, this.#cookie) === undefined) return false;
    const origin = fieldValue(head, 'origin');
    if (origin !== undefined && this.#allowed?.allows(origin) === true) return false;
    if (fieldValue(head, 'sec-fetch-site') === 'cross-site') return true;
    return origin !== undefined && !isOfHost(origin, head.host);
  }
}

/** The default port of the scheme may stand in the host. */
function isOfHost(origin: string, host: string): boolean {
  const from = URL.parse(origin);
  return from !== null && from.host !== '' && URL.parse(`${from.protocol}//${host}`)?.host === from.host;
}
