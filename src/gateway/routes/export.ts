import { builtinPrefix } from '../../config/own-routes.ts';
import type { ExportPage, ExportRequest } from '../../store/record-reads.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange, Releasable } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { StreamedReply } from '../http/streamed-reply.ts';
import { Refusal } from '../refusal.ts';
import { readRefusal } from './database-route.ts';
import { exportQuerySchema, readRecordQuery } from './record-query.ts';
import type { LocalRoute } from './route.ts';

/** A page of this size is sent in a few milliseconds, and holds no more than that in memory while its client is slow. */
const MAX_PAGE_BYTES = 1024 * 1024;
const MAX_PAGE_ROWS = 4_000;

/** GET /v1/barcodes/export: the records of the key as lines of JSON, oldest first, page by page as the client reads. */
export function exportBarcodesRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const query = readRecordQuery(exportQuerySchema, x.head.query);
      if (query instanceof Refusal) return query;
      const keyId = x.key?.id ?? '';
      const request = {
        keyId,
        ...query.filter,
        withImages: query.values.images,
        prefix: builtinPrefix(gateway.config),
        maxRows: MAX_PAGE_ROWS,
        maxBytes: MAX_PAGE_BYTES,
      };
      const send = (): Promise<Refusal | undefined> => new Export(gateway, x, request).send();
      return gateway.limits.exports.run(keyId, () => gateway.requestScope.run(x.id, send));
    },
  };
}

/**
 * One export. A page is a statement of its own, so that a client that reads slowly holds a page in memory, and neither a
 * connection nor a snapshot of the database.
 */
class Export implements Releasable {
  readonly #gateway: GatewayContext;
  readonly #x: Exchange;
  readonly #request: ExportRequest;
  readonly #cancel = new AbortController();

  constructor(gateway: GatewayContext, x: Exchange, request: ExportRequest) {
    this.#gateway = gateway;
    this.#x = x;
    this.#request = request;
  }

  async send(): Promise<Refusal | undefined> {
    const x = this.#x;
    x.releaseAtEnd(this);
    const startedAt = this.#gateway.clock.now();
    let page = await this.#read(undefined);
    x.execMs = this.#gateway.clock.now() - startedAt;
    x.execPhase = 'database';
    if (page instanceof Refusal) return page;
    if (x.over) return undefined;
    const headers = ['content-type', 'application/x-ndjson', 'cache-control', 'no-store'];
    const reply = new StreamedReply(x, this.#gateway.clock, headers);
    while (x.request.method !== 'HEAD' && page.count > 0) {
      if (!(await reply.write(Buffer.from(page.lines)))) return undefined;
      const next: ExportPage | Refusal = await this.#read(page.last);
      if (x.over) return undefined;
      // The head has been sent, so the client sees by the cut that this is not all.
      if (next instanceof Refusal) return next;
      page = next;
    }
    reply.end();
    return undefined;
  }

  /** The request has ended: complete, or because its client left. */
  release(): void {
    this.#cancel.abort();
  }

  async #read(after: string | undefined): Promise<ExportPage | Refusal> {
    const { limits, store } = this.#gateway;
    const { signal } = this.#cancel;
    try {
      return await limits.exportReads.run(this.#request.keyId, () =>
        store.barcodes.exportPage({ ...this.#request, after }, signal),
      );
    } catch (error) {
      // Nobody waits for the page, whatever became of it.
      if (signal.aborted) return { lines: '', count: 0, last: undefined };
      return readRefusal(error);
    }
  }
}
