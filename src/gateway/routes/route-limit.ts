import type { RouteConfig, RouteLimitConfig } from '../../config/model.ts';
import type { RateLimit } from '../../protocol/tokens.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { fieldValue } from '../http/request-fields.ts';
import { type Checked, thenCheck } from '../limits/checked.ts';
import type { Refusal } from '../refusal.ts';
import { type RequestPart, requestPartOf } from './request-part.ts';

/** A request whose cost is known from a field. */
interface Charged {
  readonly x: Exchange;
  readonly subject: string;
  readonly rate: RateLimit;
  readonly cost: NonNullable<RouteLimitConfig['cost']>;
}

/** The most that one request can cost, whatever its field says. */
const MOST_COST = 1_000_000;

/** The limits of a route, for each key or whatever it counts by. */
export class RouteLimit {
  readonly #gateway: GatewayContext;
  readonly #limit: RouteLimitConfig;
  readonly #endpoint: string;
  readonly #partOf: RequestPart;

  constructor(gateway: GatewayContext, limit: RouteLimitConfig, { endpoint }: RouteConfig) {
    this.#gateway = gateway;
    this.#limit = limit;
    this.#endpoint = endpoint;
    this.#partOf = requestPartOf(limit.by, gateway.trustedProxies, gateway.random);
  }

  /** The rate first: a request that comes too fast takes no place. */
  check(x: Exchange): Checked {
    const subject = `${this.#endpoint}:${this.#partOf(x)}`;
    const checking = this.#checkRate(x, subject);
    const { inFlight } = this.#limit;
    if (inFlight === undefined) return checking;
    return thenCheck(checking, () => this.#gateway.limits.inFlight.checkRoute(x, subject, inFlight));
  }

  #checkRate(x: Exchange, subject: string): Checked {
    const { rate, cost } = this.#limit;
    if (rate === undefined) return undefined;
    const checking = this.#gateway.limits.rates.checkRoute(x, subject, rate);
    if (cost === undefined) return checking;
    const conclude = (refusal: Refusal | undefined) => this.#conclude({ x, subject, rate, cost }, refusal);
    return checking instanceof Promise ? checking.then(conclude) : conclude(checking);
  }

  /** A request has taken one token; its field says how many more it costs. */
  #conclude({ x, subject, rate, cost }: Charged, refusal: Refusal | undefined): Refusal | undefined {
    if (refusal !== undefined) return refusal;
    const charge = (field: string | undefined): void => this.#charge(subject, rate, field);
    if (cost.of === 'request') charge(fieldValue(x.head, cost.header));
    else x.onReplyHead = (lines) => charge(valueIn(lines, cost.header));
    return undefined;
  }

  #charge(subject: string, rate: RateLimit, field: string | undefined): void {
    if (field === undefined || !/^\d{1,9}(?:\.\d{1,9})?$/.test(field)) return;
    this.#gateway.limits.rates.chargeRoute(subject, rate, Math.min(MOST_COST, Math.ceil(Number(field))) - 1);
  }
}

function valueIn(lines: readonly string[], name: string): string | undefined {
  for (let index = 0; index < lines.length; index += 2)
    if ((lines[index] as string).toLowerCase() === name) return lines[index + 1];
  return undefined;
}
