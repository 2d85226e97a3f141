import { builtinPrefix } from '../../config/own-routes.ts';
import { batchItemId } from '../../core/ids.ts';
import { ZipWriter } from '../../core/zip-writer.ts';
import { chooseType } from '../../policy/negotiation/accept.ts';
import type { Batch, BatchResult } from '../../store/batches/batches.ts';
import type { GatewayContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { listValue } from '../http/request-fields.ts';
import type { EndpointMetrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import { readRefusal } from '../routes/database-route.ts';
import type { LocalRoute } from '../routes/route.ts';
import { noBatch } from './batch-routes.ts';
import { StreamedReply } from '../http/streamed-reply.ts';

/** Results of one look at the database. */
const LINES = 500;
/** Of an archive: each image has up to some hundred kilobytes. */
const IMAGES = 50;
const NDJSON = 'application/x-ndjson';
const ZIP = 'application/zip';

const notAcceptable = new Refusal('not-acceptable', `the results can be ${NDJSON} or ${ZIP}`, {
  headers: ['vary', 'Accept'],
});
/** GET /v1/batches/{id}/results: one line for each item that has a result, in order; or, by Accept, an archive of the images. */
export function getBatchResultsRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const type = chooseType(listValue(x.head, 'accept'), [NDJSON, ZIP]);
      if (type === undefined) return notAcceptable;
      const keyId = x.key?.id ?? '';
      const { batches } = gateway.store;
      const batch = await gateway.limits.reads.run(keyId, () => batches.get(keyId, x.parameter)).catch(readRefusal);
      if (batch === undefined) return noBatch;
      if (batch instanceof Refusal) return batch;
      const parts = type === ZIP ? new ImageArchive(gateway, keyId, batch) : new ResultLines(gateway, batch);
      const read = (after: number): Promise<BatchResult[]> =>
        gateway.limits.exportReads.run(keyId, () => batches.results(batch.id, after, parts.pageSize));
      return gateway.limits.exports.run(keyId, () => stream(gateway, x, parts, read));
    },
  };
}

/** A form of the results, made of a page of them at a time. */
interface ResultParts {
  readonly headers: readonly string[];
  readonly pageSize: number;
  bytesOf(results: readonly BatchResult[]): Promise<Uint8Array>;
  /** What stands behind the last page. */
  end(): Uint8Array;
}

/** Page by page as the client reads: a slow one holds a page in memory, and no connection of the database. */
async function stream(
  gateway: GatewayContext,
  x: Exchange,
  parts: ResultParts,
  read: (after: number) => Promise<BatchResult[]>,
): Promise<Refusal | undefined> {
  const next = async (after: number): Promise<Page> => {
    const results = await read(after);
    return { results, bytes: await parts.bytesOf(results) };
  };
  const first = await next(0).catch(readRefusal);
  if (first instanceof Refusal) return first;
  const reply = new StreamedReply(x, gateway.clock, [...parts.headers, 'cache-control', 'no-store', 'vary', 'Accept']);
  for (let page = first; page.results.length > 0;) {
    if (!(await reply.write(page.bytes))) return undefined;
    const following = await next(page.results.at(-1)?.item ?? 0).catch(readRefusal);
    // The head has been sent, so only the cut shows the client that this is not all.
    if (following instanceof Refusal) return following;
    page = following;
  }
  await reply.write(parts.end());
  reply.end();
  return undefined;
}

interface Page {
  readonly results: readonly BatchResult[];
  readonly bytes: Uint8Array;
}

class ResultLines implements ResultParts {
  readonly headers = ['content-type', NDJSON];
  readonly pageSize = LINES;
  readonly #prefix: string;
  readonly #batch: Batch;

  constructor({ config }: GatewayContext, batch: Batch) {
    this.#prefix = builtinPrefix(config);
    this.#batch = batch;
  }

  async bytesOf(results: readonly BatchResult[]): Promise<Uint8Array> {
    const lines = results.map((result) => `${JSON.stringify(publicResult(this.#batch.id, result, this.#prefix))}\n`);
    return Buffer.from(lines.join(''));
  }

  end(): Uint8Array {
    return Buffer.alloc(0);
  }
}

/** The images of the items that have one, as `00012.svg`: the number of the item, so that names sort as the items do. */
class ImageArchive implements ResultParts {
  readonly headers: readonly string[];
  readonly pageSize = IMAGES;
  readonly #gateway: GatewayContext;
  readonly #keyId: string;
  readonly #batch: Batch;
  readonly #zip = new ZipWriter();

  constructor(gateway: GatewayContext, keyId: string, batch: Batch) {
    this.#gateway = gateway;
    this.#keyId = keyId;
    this.#batch = batch;
    this.headers = ['content-type', ZIP, 'content-disposition', `attachment; filename="${batch.id}.zip"`];
  }

  async bytesOf(results: readonly BatchResult[]): Promise<Uint8Array> {
    const { limits, store } = this.#gateway;
    const { id, total } = this.#batch;
    const made = results.filter(({ reason }) => reason === undefined);
    if (made.length === 0) return Buffer.alloc(0);
    const ids = made.map(({ item }) => batchItemId(id, item));
    const images = await limits.exportReads.run(this.#keyId, () => store.batches.images(ids));
    const files = made.flatMap(({ item, request }, index) => {
      const image = images.get(ids[index] ?? '');
      const name = `${String(item).padStart(String(total).length, '0')}.${formatOf(request)}`;
      return image === undefined ? [] : [this.#zip.add(name, image)];
    });
    return Buffer.concat(files);
  }

  end(): Uint8Array {
    return this.#zip.end();
  }
}

const formatOf = (request: string): string => String((JSON.parse(request) as Record<string, unknown>)['format']);

function publicResult(batchId: string, { item, request, reason, detail }: BatchResult, prefix: string): unknown {
  const { symbology, format, text, data } = JSON.parse(request) as Record<string, unknown>;
  const about = { item, symbology, format, text, data };
  if (reason !== undefined) return { ...about, status: 'failed', reason, detail };
  const id = batchItemId(batchId, item);
  return { ...about, status: 'done', id, image: `${prefix}/v1/barcodes/${id}/image` };
}
