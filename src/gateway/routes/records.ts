import { imageType } from '../../barcode/formats.ts';
import { builtinPrefix } from '../../config/own-routes.ts';
import type { BarcodeRecord, BarcodeSummary } from '../../store/records.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { Refusal } from '../refusal.ts';
import type { LocalRoute } from './route.ts';
import { databaseRoute } from './database-route.ts';
import { findRecord } from './find-record.ts';
import { listQuerySchema, readRecordQuery } from './record-query.ts';
import { replyJson } from './reply-json.ts';

/** GET /v1/barcodes/{id}: the record. */
export function getBarcodeRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  const { barcodes } = gateway.store;
  return databaseRoute(gateway, metrics, async (x) => {
    const record = await found(gateway, x, false, (keyId, id) => barcodes.get(keyId, id));
    if (record instanceof Refusal) return record;
    return () => replyJson(x, 200, publicRecord(record, builtinPrefix(gateway.config)));
  });
}

/** GET /v1/barcodes/{id}/image: the same bytes as at its creation. */
export function getBarcodeImageRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  const { barcodes } = gateway.store;
  return databaseRoute(gateway, metrics, async (x) => {
    const image = await found(gateway, x, true, (keyId, id) => barcodes.getImage(keyId, id));
    if (image instanceof Refusal) return image;
    const type = imageType(image.format);
    return () =>
      x.respond(200, ['content-type', type, 'cache-control', 'private, max-age=31536000, immutable'], image.bytes);
  });
}

function found<Found>(
  gateway: GatewayContext,
  x: Exchange,
  withImage: boolean,
  look: (keyId: string, id: string) => Promise<Found | undefined>,
): Promise<Found | BarcodeRecord | Refusal> {
  const keyId = x.key?.id ?? '';
  const id = x.parameter;
  return findRecord(gateway, {
    keyId,
    id,
    withImage,
    look: () => gateway.limits.reads.run(keyId, () => look(keyId, id)),
  });
}

/** GET /v1/barcodes: the barcodes of the key, newest first. */
export function listBarcodesRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return databaseRoute(gateway, metrics, async (x) => {
    const query = readRecordQuery(listQuerySchema, x.head.query);
    if (query instanceof Refusal) return query;
    const { page_size: pageSize, cursor } = query.values;
    const keyId = x.key?.id ?? '';
    const request = { keyId, pageSize, cursor, ...query.filter };
    const page = await gateway.limits.reads.run(keyId, () => gateway.store.barcodes.list(request));
    if (page.kind !== 'page') return new Refusal('invalid-cursor', 'cursor must be one that an earlier page gave');
    const barcodes = page.records.map((record) => publicRecord(record, builtinPrefix(gateway.config)));
    return () => replyJson(x, 200, { barcodes, next_cursor: page.nextCursor ?? null });
  });
}

/** The record as clients see it; exports have the same lines. */
export function publicRecord(record: BarcodeSummary, prefix: string): Record<string, unknown> {
  const { id, symbology, format, text, status, requestId, createdAtMs } = record;
  const created_at = new Date(createdAtMs).toISOString();
  return {
    id,
    symbology,
    format,
    text,
    status,
    request_id: requestId,
    created_at,
    image: `${prefix}/v1/barcodes/${id}/image`,
  };
}
