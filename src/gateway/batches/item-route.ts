import { rulesOf } from '../../config/route-rules.ts';
import { GENERATOR_UPSTREAM } from '../../config/upstreams.ts';
import { parseBarcodeRequest } from '../../barcode/request.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { fieldValue } from '../http/request-fields.ts';
import { Refusal } from '../refusal.ts';
import { Router } from '../router.ts';
import { BarcodeImage } from '../routes/barcode-image.ts';
import type { Prepared, UpstreamRoute } from '../routes/route.ts';
import { MAX_ITEM_BYTES } from './batch-items.ts';

/** The routes of the socket that only batch workers of this host can reach; undefined where there are no generators. */
export function itemRouter(gateway: GatewayContext): Router | undefined {
  const upstream = gateway.upstreams.find(({ name }) => name === GENERATOR_UPSTREAM);
  if (upstream === undefined) return undefined;
  // A batch would drive what people ask for out of the cache.
  const source = { gateway, upstream, maxEntryBytes: 0, keeps: false };
  const { bulkLimit } = gateway.config;
  const { rates } = gateway.limits;
  const route: UpstreamRoute = {
    kind: 'upstream',
    metrics: gateway.metrics.endpoint('renderItem'),
    skipsAddressLimit: true,
    skipsKeyLimits: true,
    authenticator: { identify: ownerOf },
    // Beside the limit of the key, which a batch would use up.
    limit: bulkLimit && { check: (x) => rates.checkRoute(x, `items:${x.key?.id}`, bulkLimit) },
    async prepare(x): Promise<Prepared | Refusal> {
      const request = await readItem(gateway, x);
      if (request instanceof Refusal) return request;
      return new BarcodeImage(source, x, request, ({ contentType, bytes }) => {
        x.respond(200, ['content-type', contentType], bytes);
        return undefined;
      });
    },
  };
  return new Router(rulesOf({ path: '/items', methods: ['POST'] }, route));
}

/** The owner of the batch, as the batch worker says: the permissions of the socket are the credential. */
function ownerOf(x: Exchange): Refusal | { id: string; name: string; priority: 'bulk' } {
  const id = fieldValue(x.head, 'x-batch-key');
  return id === undefined
    ? new Refusal('unauthenticated', 'x-batch-key is missing')
    : { id, name: 'batch', priority: 'bulk' };
}

async function readItem(gateway: GatewayContext, x: Exchange) {
  const stored = await gateway.uploads.receive(x, { maxBytes: MAX_ITEM_BYTES, memoryBytes: MAX_ITEM_BYTES });
  if (stored instanceof Refusal) return stored;
  const parsed = parseBarcodeRequest(JSON.parse(String(stored.open())));
  if (parsed.ok) return parsed.request;
  const detail = parsed.problems.map((problem) => problem.detail).join('; ');
  return new Refusal('invalid-request', detail, { errors: parsed.problems });
}
