import { builtinPrefix, type OwnEndpoint, ownRouteRules } from '../config/own-routes.ts';
import { rulesOf } from '../config/route-rules.ts';
import type { RouteConfig } from '../config/model.ts';
import { GENERATOR_UPSTREAM } from '../config/upstreams.ts';
import type { RouteRule } from '../policy/routing/route-matcher.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { Authenticators } from './auth/open.ts';
import type { GatewayContext } from './context.ts';
import { Router } from './router.ts';
import { createBarcodeRoute, renderBarcodeRoute } from './routes/barcodes.ts';
import { cancelBatchRoute, getBatchRoute, listBatchesRoute } from './batches/batch-routes.ts';
import { getBatchResultsRoute } from './batches/batch-results.ts';
import { createBatchRoute } from './batches/create-batch.ts';
import { routeGate } from './routes/gate.ts';
import { redirectAnswer, staticAnswer } from './routes/local-routes.ts';
import { openApiDocument } from './routes/openapi.ts';
import { proxyRoute } from './routes/proxy.ts';
import { exportBarcodesRoute } from './routes/export.ts';
import { getBarcodeImageRoute, getBarcodeRoute, listBarcodesRoute } from './routes/records.ts';
import { RouteLimit } from './routes/route-limit.ts';
import { replyChange } from './routes/reply-changes.ts';
import type { LocalRoute, Route } from './routes/route.ts';
import { RouteReuse } from './routes/route-reuse.ts';
import { healthRoute, openApiRoute, readyRoute } from './routes/service.ts';
import { Compressor } from './compression/compressor.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Every route of a worker: Rampart's own, then those of the configuration file. */
export function buildRouter(gateway: GatewayContext, reuse = new RouteReuse(gateway.config)): Router {
  const authenticators = new Authenticators(gateway, (name) => upstreamOf(gateway, name), reuse);
  const configured = gateway.config.routes.flatMap((config) => {
    // Also for a route that keeps its object, so that the authenticator is there for the versions after this one.
    const authenticator = authenticators.of(config);
    return rulesOf(
      config,
      reuse.of(config, () => routeOf(gateway, config, { authenticator, identity: reuse.identity })),
    );
  });
  return new Router([...ownRoutes(gateway, authenticators.byKey()), ...configured]);
}

/** A route of the configuration file. */
interface RouteParts {
  readonly authenticator: Authenticator | undefined;
  /** The fields that tell a backend who the client is, of all routes. */
  readonly identity: ReadonlySet<string>;
}

function routeOf(gateway: GatewayContext, config: RouteConfig, { authenticator, identity }: RouteParts): Route {
  const metrics = gateway.metrics.endpoint(config.endpoint);
  const common = {
    metrics,
    authenticator,
    config,
    gate: routeGate(config, gateway.trustedProxies),
    limit: config.limit === undefined ? undefined : new RouteLimit(gateway, config.limit, config),
    replyChange: replyChange(config),
    errorPages: config.errorPages,
    compressor: config.compress && new Compressor(config.compress, gateway.compressions),
  };
  const { redirect, static: reply } = config;
  const local = (answer: LocalRoute['answer']): LocalRoute => ({ kind: 'local', answer, ...common });
  if (redirect !== undefined) return local(redirectAnswer(redirect, config));
  if (reply !== undefined) return local(staticAnswer(reply));
  return { ...proxyRoute(gateway, config, (name) => upstreamOf(gateway, name), identity), ...common };
}

/** Rampart's own routes, where `builtin` puts them. */
function ownRoutes(gateway: GatewayContext, byKey: Authenticator): RouteRule<Route>[] {
  const rules = ownRouteRules(gateway.config);
  if (rules.length === 0) return [];
  const routes = ownTargets(gateway, byKey);
  return rules.map((rule) => ({ ...rule, target: routes[rule.target]() }));
}

/** How each of them is made; those that need generators are made only where there are some. */
function ownTargets(gateway: GatewayContext, authenticator: Authenticator): Record<OwnEndpoint, () => Route> {
  const metrics = (endpoint: OwnEndpoint) => gateway.metrics.endpoint(endpoint);
  const withKey = (route: Route): Route => ({ ...route, authenticator });
  const generator = () => upstreamOf(gateway, GENERATOR_UPSTREAM);
  return {
    createBarcode: () => withKey(createBarcodeRoute(gateway, generator(), metrics('createBarcode'))),
    listBarcodes: () => withKey(listBarcodesRoute(gateway, metrics('listBarcodes'))),
    exportBarcodes: () => withKey(exportBarcodesRoute(gateway, metrics('exportBarcodes'))),
    getBarcode: () => withKey(getBarcodeRoute(gateway, metrics('getBarcode'))),
    getBarcodeImage: () => withKey(getBarcodeImageRoute(gateway, metrics('getBarcodeImage'))),
    renderBarcode: () => withKey(renderBarcodeRoute(gateway, generator(), metrics('renderBarcode'))),
    createBatch: () => withKey(createBatchRoute(gateway, metrics('createBatch'))),
    listBatches: () => withKey(listBatchesRoute(gateway, metrics('listBatches'))),
    getBatch: () => withKey(getBatchRoute(gateway, metrics('getBatch'))),
    cancelBatch: () => withKey(cancelBatchRoute(gateway, metrics('cancelBatch'))),
    getBatchResults: () => withKey(getBatchResultsRoute(gateway, metrics('getBatchResults'))),
    openapi: () => openApiRoute(openApiDocument(builtinPrefix(gateway.config)), metrics('openapi')),
    health: () => healthRoute(metrics('health')),
    ready: () => readyRoute(gateway, metrics('ready')),
  };
}

function upstreamOf(gateway: GatewayContext, name: string): Upstream {
  const found = gateway.upstreams.find((upstream) => upstream.name === name);
  if (found === undefined)
    throw new Error(
      `Cannot build the routes as there is no upstream ${name}; the configuration check should have found this`,
    );
  return found;
}
