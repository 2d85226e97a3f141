import { builtinPrefix } from '../../config/own-routes.ts';
import type { Batch } from '../../store/batches/batches.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { EndpointMetrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import { databaseRoute } from '../routes/database-route.ts';
import { replyJson } from '../routes/reply-json.ts';
import type { LocalRoute } from '../routes/route.ts';
import { publicBatch } from '../../store/batches/public-batch.ts';

const DEFAULT_PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;

export const noBatch = new Refusal('not-found', 'there is no such batch for this key');

/** GET /v1/batches/{id}: how far it is. */
export function getBatchRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return batchRoute(gateway, metrics, async (x, keyId) => {
    const batch = await gateway.store.batches.get(keyId, x.parameter);
    return batch === undefined ? noBatch : () => replyBatch(gateway, x, 200, batch);
  });
}

/** POST /v1/batches/{id}/cancel: no further item is begun; a batch that has ended stays as it is. */
export function cancelBatchRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return batchRoute(gateway, metrics, async (x, keyId) => {
    const batch = await gateway.store.batches.cancel(keyId, x.parameter);
    return batch === undefined ? noBatch : () => replyBatch(gateway, x, 202, batch);
  });
}

/** GET /v1/batches: those of the key, newest first. */
export function listBatchesRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return batchRoute(gateway, metrics, async (x, keyId) => {
    const query = new URLSearchParams(x.head.query);
    const unknown = [...query.keys()].find((name) => name !== 'page_size' && name !== 'cursor');
    if (unknown !== undefined)
      return invalid(unknown.slice(0, 40), 'unknown-field', 'the list takes page_size and cursor');
    const sizeText = query.get('page_size') ?? String(DEFAULT_PAGE_SIZE);
    const pageSize = Number(sizeText);
    if (!/^\d{1,3}$/.test(sizeText) || pageSize < 1 || pageSize > MAX_PAGE_SIZE)
      return invalid('page_size', 'range', `page_size must be a whole number from 1 to ${MAX_PAGE_SIZE}`);
    const cursor = query.get('cursor') ?? undefined;
    const page = await gateway.store.batches.list({ keyId, pageSize, cursor });
    if (page.kind !== 'page') return new Refusal('invalid-cursor', 'cursor must be one that an earlier page gave');
    const now = gateway.clock.wallNow();
    const batches = page.batches.map((batch) => publicBatch(batch, builtinPrefix(gateway.config), now));
    return () => replyJson(x, 200, { batches, next_cursor: page.nextCursor ?? null });
  });
}

type Answer = (x: Exchange, keyId: string) => Promise<Refusal | (() => void)>;

/** Keys take turns at the database, as in all reads. */
const batchRoute = (gateway: GatewayContext, metrics: EndpointMetrics, answer: Answer): LocalRoute =>
  databaseRoute(gateway, metrics, (x) => {
    const keyId = x.key?.id ?? '';
    return gateway.limits.reads.run(keyId, () => answer(x, keyId));
  });

const invalid = (field: string, rule: string, detail: string): Refusal =>
  new Refusal('invalid-request', detail, { errors: [{ field, rule, detail }] });

function replyBatch(gateway: GatewayContext, x: Exchange, status: number, batch: Batch): void {
  replyJson(x, status, publicBatch(batch, builtinPrefix(gateway.config), gateway.clock.wallNow()));
}
