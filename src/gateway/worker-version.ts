import type { GatewayContext } from './context.ts';
import { endRequest, requestPath } from './request-path.ts';
import { itemRouter } from './batches/item-route.ts';
import type { Exchange, ExchangeGateway } from './exchange.ts';
import { exchangeGatewayOf } from './exchange-gateway.ts';
import { buildRouter } from './route-table.ts';
import type { Router } from './router.ts';
import { RouteReuse } from './routes/route-reuse.ts';

/**
 * One configuration as this worker serves it. A request keeps the version that was in force when it began, so a change of
 * the configuration is one assignment, and nothing that is in flight notices it.
 */
export class WorkerVersion {
  readonly context: GatewayContext;
  readonly routes: RouteReuse;
  readonly #router: Router;
  readonly #onUnused: () => void;
  readonly exchanges: ExchangeGateway;
  readonly #itemRouter: Router | undefined;
  readonly #itemContext: GatewayContext;
  readonly itemExchanges: ExchangeGateway;
  #underway = 0;

  /** `onUnused`: called whenever the last request of this version ends. */
  constructor(context: GatewayContext, previous: RouteReuse | undefined, onUnused: () => void) {
    this.context = context;
    this.#onUnused = onUnused;
    const routes = new RouteReuse(context.config, previous);
    this.#router = buildRouter(context, routes);
    this.routes = routes.withoutPrevious();
    this.exchanges = exchangeGatewayOf(context, (x) => this.#ended(x, context));
    // Items are no requests of clients, so they have no lines in the access log and no traces.
    const itemContext = { ...context, accessLog: undefined, tracer: undefined };
    this.#itemContext = itemContext;
    this.#itemRouter = itemRouter(itemContext);
    this.itemExchanges = exchangeGatewayOf(itemContext, (x) => this.#ended(x, itemContext));
  }

  /** Whether no request of this version is in flight. */
  get isUnused(): boolean {
    return this.#underway === 0;
  }

  /** Begins a request, whichever version was in force when its head arrived. */
  begin(x: Exchange): void {
    this.#underway++;
    x.serveBy(this.exchanges);
    void requestPath(x, this.context, this.#router);
  }

  /** Whether it renders items of batches. */
  get hasItems(): boolean {
    return this.#itemRouter !== undefined;
  }

  /** Begins a request of a batch worker of this host. */
  beginItem(x: Exchange): void {
    this.#underway++;
    x.serveBy(this.itemExchanges);
    void requestPath(x, this.#itemContext, this.#itemRouter ?? this.#router);
  }

  #ended(x: Exchange, context: GatewayContext): void {
    if (x.over) return;
    endRequest(x, context);
    if (--this.#underway === 0) this.#onUnused();
  }
}
