import type { RouteConfig, RouteLimitConfig } from '../../config/model.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { fieldValue } from '../http/request-fields.ts';
import type { Refusal } from '../refusal.ts';
import { type RequestPart, requestPartOf } from './request-part.ts';

/** The most that one request can cost, whatever its field says. */
const MOST_COST = 1_000_000;

/** The rate limit of a route, for each key or whatever it counts by. */
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

  check(x: Exchange): Refusal | undefined | Promise<Refusal | undefined> {
    const subject = `${this.#endpoint}:${this.#partOf(x)}`;
    const checking = this.#gateway.limits.rates.checkRoute(x, subject, this.#limit);
    const { cost } = this.#limit;
    if (cost === undefined) return checking;
    if (!(checking instanceof Promise)) return this.#conclude(x, subject, checking);
    return checking.then((refusal) => this.#conclude(x, subject, refusal));
  }

  /** A request has taken one token; its field says how many more it costs. */
  #conclude(x: Exchange, subject: string, refusal: Refusal | undefined): Refusal | undefined {
    const { cost } = this.#limit;
    if (refusal !== undefined || cost === undefined) return refusal;
    if (cost.of === 'request') this.#charge(subject, fieldValue(x.head, cost.header));
    else x.onReplyHead = (lines) => this.#charge(subject, valueIn(lines, cost.header));
    return undefined;
  }

  #charge(subject: string, field: string | undefined): void {
    if (field === undefined || !/^\d{1,9}(?:\.\d{1,9})?$/.test(field)) return;
    this.#gateway.limits.rates.chargeRoute(subject, this.#limit, Math.min(MOST_COST, Math.ceil(Number(field))) - 1);
  }
}

function valueIn(lines: readonly string[], name: string): string | undefined {
  for (let index = 0; index < lines.length; index += 2)
    if ((lines[index] as string).toLowerCase() === name) return lines[index + 1];
  return undefined;
}
