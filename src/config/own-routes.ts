import type { RouteRule } from '../policy/routing/route-matcher.ts';
import type { Config } from './model.ts';
import { rulesOf } from './route-rules.ts';

interface OwnRoute {
  readonly endpoint: OwnEndpoint;
  readonly method: string;
  readonly path: string;
}

export type OwnEndpoint = keyof typeof withGenerators | keyof typeof always;

/** Rampart's own routes that need generators. */
const withGenerators = {
  createBarcode: 'POST /v1/barcodes',
  listBarcodes: 'GET /v1/barcodes',
  exportBarcodes: 'GET /v1/barcodes/export',
  getBarcode: 'GET /v1/barcodes/:id',
  getBarcodeImage: 'GET /v1/barcodes/:id/image',
  renderBarcode: 'GET /v1/render/:symbology',
  createBatch: 'POST /v1/batches',
  listBatches: 'GET /v1/batches',
  getBatch: 'GET /v1/batches/:id',
  cancelBatch: 'POST /v1/batches/:id/cancel',
  getBatchResults: 'GET /v1/batches/:id/results',
  openapi: 'GET /openapi.json',
} as const;

const always = { health: 'GET /healthz', ready: 'GET /readyz' } as const;

/** The endpoints of Rampart's own routes. */
export const publicEndpoints: readonly string[] = [...Object.keys(withGenerators), ...Object.keys(always)];

/** Endpoint names that routes of the file cannot have. */
export const ownEndpoints = [...publicEndpoints, 'renderItem', 'unmatched'];

/** The path in front of Rampart's own routes. */
export const builtinPrefix = ({ builtin }: Pick<Config, 'builtin'>): string =>
  builtin === false ? '' : builtin.prefix;

/** The rules of Rampart's own routes, where `builtin` puts them, with their endpoints. */
export function ownRouteRules({
  builtin,
  env,
}: Pick<Config, 'builtin'> & { readonly env: Pick<Config['env'], 'GENERATOR_INSTANCES'> }): RouteRule<OwnEndpoint>[] {
  if (builtin === false) return [];
  const { host, prefix } = builtin;
  return ownRoutes(env.GENERATOR_INSTANCES > 0).flatMap(({ endpoint, method, path }) =>
    rulesOf({ host, path: `${prefix}${path}`, methods: [method] }, endpoint),
  );
}

function ownRoutes(hasGenerators: boolean): OwnRoute[] {
  const routes = { ...(hasGenerators ? withGenerators : {}), ...always };
  return Object.entries(routes).map(([endpoint, text]) => {
    const [method = '', path = ''] = text.split(' ');
    return { endpoint: endpoint as OwnEndpoint, method, path };
  });
}
