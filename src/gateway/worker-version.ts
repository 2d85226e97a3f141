import type { GatewayContext } from './context.ts';
import { endRequest, requestPath } from './request-path.ts';
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
  #underway = 0;

  /** `onUnused`: called whenever the last request of this version ends. */
  constructor(context: GatewayContext, previous: RouteReuse | undefined, onUnused: () => void) {
    this.context = context;
    this.#onUnused = onUnused;
    const routes = new RouteReuse(context.config, previous);
    this.#router = buildRouter(context, routes);
    this.routes = routes.withoutPrevious();
    this.exchanges = exchangeGatewayOf(context, (x) => this.#ended(x));
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

  #ended(x: Exchange): void {
    if (x.over) return;
    endRequest(x, this.context);
    if (--this.#underway === 0) this.#onUnused();
  }
}
