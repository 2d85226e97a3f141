import { GENERATOR_UPSTREAM } from '../config/upstreams.ts';
import type { GatewayContext } from './context.ts';
import { openApiDocument } from './routes/openapi.ts';
import { Router, type RoutePattern } from './router.ts';
import { createBarcodeRoute, renderBarcodeRoute } from './routes/barcodes.ts';
import { proxyRoute } from './routes/proxy.ts';
import { getBarcodeImageRoute, getBarcodeRoute, listBarcodesRoute } from './routes/records.ts';
import type { Route } from './routes/route.ts';
import { healthRoute, openApiRoute, readyRoute } from './routes/service.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Every route of a worker: Rampart's own, then those of the configuration file. */
export function buildRouter(gateway: GatewayContext): Router {
  const metrics = (endpoint: string) => gateway.metrics.endpoint(endpoint);
  const on = (method: string, path: string, route: Route): RoutePattern => ({ path, methods: [method], route });
  const own = [
    ...(gateway.config.env.GENERATOR_INSTANCES > 0 ? barcodeRoutes(gateway) : []),
    on('GET', '/healthz', healthRoute(metrics('health'))),
    on('GET', '/readyz', readyRoute(gateway, metrics('ready'))),
  ];
  const configured = gateway.config.routes.map((route): RoutePattern => ({
    path: route.path,
    methods: route.methods,
    route: proxyRoute(gateway, route, upstreamOf(gateway, route.upstream), metrics(route.endpoint)),
  }));
  return new Router([...own, ...configured]);
}

/** The routes that need generators. */
function barcodeRoutes(gateway: GatewayContext): RoutePattern[] {
  const metrics = (endpoint: string) => gateway.metrics.endpoint(endpoint);
  const generator = upstreamOf(gateway, GENERATOR_UPSTREAM);
  const on = (method: string, path: string, route: Route): RoutePattern => ({ path, methods: [method], route });
  return [
    on('POST', '/v1/barcodes', createBarcodeRoute(gateway, generator, metrics('createBarcode'))),
    on('GET', '/v1/barcodes', listBarcodesRoute(gateway, metrics('listBarcodes'))),
    on('GET', '/v1/barcodes/{id}', getBarcodeRoute(gateway, metrics('getBarcode'))),
    on('GET', '/v1/barcodes/{id}/image', getBarcodeImageRoute(gateway, metrics('getBarcodeImage'))),
    on('GET', '/v1/render/{symbology}', renderBarcodeRoute(gateway, generator, metrics('renderBarcode'))),
    on('GET', '/openapi.json', openApiRoute(openApiDocument(), metrics('openapi'))),
  ];
}

function upstreamOf(gateway: GatewayContext, name: string): Upstream {
  const found = gateway.upstreams.find((upstream) => upstream.name === name);
  if (found === undefined)
    throw new Error(
      `Cannot build the routes as there is no upstream ${name}; the configuration check should have found this`,
    );
  return found;
}
