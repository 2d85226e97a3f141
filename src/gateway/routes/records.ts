import { builtinPrefix } from '../../config/own-routes.ts';
import { uuidv7Time } from '../../core/ids.ts';
import type { BarcodeSummary } from '../../store/records.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { AdmissionBusy } from '../limits/fair-admission.ts';
import { Refusal } from '../refusal.ts';
import type { LocalRoute } from './route.ts';
import { imageType } from './image-type.ts';
import { storeRefusal } from './store-refusal.ts';

const DEFAULT_PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;
/** A record is written within the flush interval; a younger record may still be in the memory of its worker. */
const YOUNG_MS = 5_000;
/** Each wait is twice as long as the one before: a second and a half in all, for a machine that is busy. */
const YOUNG_LOOKS = 6;

const busy = new Refusal('overloaded', 'too many reads of the database are under way', { retryAfterSeconds: 1 });
const notFound = new Refusal('not-found', 'there is no such barcode for this key');

/** GET /v1/barcodes/{id}: the record. */
export function getBarcodeRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return local(gateway, metrics, async (x) => {
    const keyId = x.key?.id ?? '';
    const pending = gateway.ledger.find(x.parameter);
    const record =
      pending?.keyId === keyId
        ? pending
        : await whileYoung(gateway, x.parameter, () =>
            gateway.limits.reads.run(keyId, () => gateway.store.barcodes.get(keyId, x.parameter)),
          );
    if (record === undefined) return notFound;
    return () => replyJson(x, publicRecord(record, builtinPrefix(gateway.config)));
  });
}

/** GET /v1/barcodes/{id}/image: the same bytes as at its creation. */
export function getBarcodeImageRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return local(gateway, metrics, async (x) => {
    const keyId = x.key?.id ?? '';
    const pending = gateway.ledger.find(x.parameter);
    const image =
      pending?.keyId === keyId
        ? pending
        : await whileYoung(gateway, x.parameter, () =>
            gateway.limits.reads.run(keyId, () => gateway.store.barcodes.getImage(keyId, x.parameter)),
          );
    if (image === undefined) return notFound;
    const type = imageType(image.format);
    return () =>
      x.respond(200, ['content-type', type, 'cache-control', 'private, max-age=31536000, immutable'], image.bytes);
  });
}

/** GET /v1/barcodes: the barcodes of the key, newest first. */
export function listBarcodesRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return local(gateway, metrics, async (x) => {
    const query = new URLSearchParams(x.head.query);
    const unknown = [...query.keys()].find((name) => name !== 'page_size' && name !== 'cursor');
    if (unknown !== undefined) {
      const detail = `the list takes page_size and cursor: got ${unknown.slice(0, 40)}`;
      return new Refusal('invalid-request', detail, {
        errors: [{ field: unknown.slice(0, 40), rule: 'unknown-field', detail }],
      });
    }
    const sizeText = query.get('page_size') ?? String(DEFAULT_PAGE_SIZE);
    const pageSize = Number(sizeText);
    if (!/^\d{1,3}$/.test(sizeText) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
      const detail = `page_size must be a whole number from 1 to ${MAX_PAGE_SIZE}`;
      return new Refusal('invalid-request', detail, { errors: [{ field: 'page_size', rule: 'range', detail }] });
    }
    const cursor = query.get('cursor') ?? undefined;
    const keyId = x.key?.id ?? '';
    const page = await gateway.limits.reads.run(keyId, () => gateway.store.barcodes.list({ keyId, pageSize, cursor }));
    if (page.kind !== 'page') return new Refusal('invalid-cursor', 'cursor must be one that an earlier page gave');
    const barcodes = page.records.map((record) => publicRecord(record, builtinPrefix(gateway.config)));
    return () => replyJson(x, { barcodes, next_cursor: page.nextCursor ?? null });
  });
}

type Answer = (x: Exchange) => Promise<Refusal | (() => void)>;

/** A handler whose work is done by the database: its time counts as exec, and its failure is not the client's fault. */
function local(gateway: GatewayContext, metrics: EndpointMetrics, answer: Answer): LocalRoute {
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const startedAt = gateway.clock.now();
      const result = await answer(x).catch((error: unknown) =>
        error instanceof AdmissionBusy ? busy : storeRefusal(error),
      );
      x.execMs = gateway.clock.now() - startedAt;
      x.execPhase = 'database';
      if (result instanceof Refusal) return result;
      result();
      return undefined;
    },
  };
}

async function whileYoung<T>(
  gateway: GatewayContext,
  id: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const createdAt = uuidv7Time(id);
  if (createdAt === undefined) return undefined;
  for (let looks = 1; ; looks++) {
    const found = await look();
    const age = gateway.clock.wallNow() - createdAt;
    // A time in the future is not a young record, because no worker can have made it.
    if (found !== undefined || Math.abs(age) > YOUNG_MS || looks >= YOUNG_LOOKS) return found;
    const waitMs = gateway.config.env.LEDGER_FLUSH_MS * 2 ** (looks - 1);
    await new Promise<void>((resolve) => void gateway.clock.setTimeout(resolve, waitMs));
  }
}

function publicRecord(record: BarcodeSummary, prefix: string): Record<string, unknown> {
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

function replyJson(x: Exchange, value: unknown): void {
  x.respond(200, ['content-type', 'application/json', 'cache-control', 'no-store'], JSON.stringify(value));
}
