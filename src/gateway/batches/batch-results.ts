import { builtinPrefix } from '../../config/own-routes.ts';
import { batchItemId } from '../../core/ids.ts';
import type { BatchResult } from '../../store/batches/batches.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { EndpointMetrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import { readRefusal } from '../routes/database-route.ts';
import type { LocalRoute } from '../routes/route.ts';
import { noBatch } from './batch-routes.ts';
import { StreamedReply } from './streamed-reply.ts';

/** Results of one look at the database; a client that reads slowly holds no connection meanwhile. */
const PAGE = 500;
const NDJSON = 'application/x-ndjson';

const tooMany = new Refusal('overloaded', 'too many exports are under way: let one end, or ask for it later', {
  retryAfterSeconds: 5,
});

/** GET /v1/batches/{id}/results: one line for each item that has a result, in order. */
export function getBatchResultsRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const keyId = x.key?.id ?? '';
      const { batches } = gateway.store;
      const { reads } = gateway.limits;
      const batch = await reads.run(keyId, () => batches.get(keyId, x.parameter)).catch(readRefusal);
      if (batch === undefined) return noBatch;
      if (batch instanceof Refusal) return batch;
      const place = gateway.limits.exports.take(keyId);
      if (place === undefined) return tooMany;
      const page = (after: number): Promise<BatchResult[]> =>
        gateway.limits.exportReads.run(keyId, () => batches.results(batch.id, after, PAGE));
      return streamLines(gateway, x, batch.id, page).finally(() => place.release());
    },
  };
}

async function streamLines(
  gateway: GatewayContext,
  x: Exchange,
  batchId: string,
  page: (after: number) => Promise<BatchResult[]>,
): Promise<Refusal | undefined> {
  const first = await page(0).catch(readRefusal);
  if (first instanceof Refusal) return first;
  const prefix = builtinPrefix(gateway.config);
  const reply = new StreamedReply(x, gateway.clock, ['content-type', NDJSON, 'cache-control', 'no-store']);
  for (let results = first; results.length > 0;) {
    const lines = results.map((result) => `${JSON.stringify(publicResult(batchId, result, prefix))}\n`).join('');
    if (!(await reply.write(Buffer.from(lines)))) return undefined;
    const next = results.length < PAGE ? [] : await page(results.at(-1)?.item ?? 0).catch(readRefusal);
    if (next instanceof Refusal) {
      // The head has been sent: only a cut shows that the list is incomplete.
      x.failure = next.reason;
      x.cutReply();
      return undefined;
    }
    results = next;
  }
  reply.end();
  return undefined;
}

function publicResult(batchId: string, { item, request, reason, detail }: BatchResult, prefix: string): unknown {
  const { symbology, format, text } = JSON.parse(request) as Record<string, unknown>;
  const about = { item, symbology, format, text };
  if (reason !== undefined) return { ...about, status: 'failed', reason, detail };
  const id = batchItemId(batchId, item);
  return { ...about, status: 'done', id, image: `${prefix}/v1/barcodes/${id}/image` };
}
