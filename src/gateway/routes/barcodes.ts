import { type BarcodeRequest, fromQuery, parseBarcodeRequest } from '../../barcode/request.ts';
import type { FieldProblem } from '../../barcode/validate.ts';
import { builtinPrefix } from '../../config/own-routes.ts';
import { maxEntryBytes } from '../../config/routes.ts';
import { uuidv7 } from '../../core/ids.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { isUtf8 } from '../http/path-form.ts';
import { Refusal } from '../refusal.ts';
import { bodyTooLarge } from '../http/body-refusals.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { BarcodeImage, type Image } from './barcode-image.ts';
import type { Prepared, UpstreamRoute } from './route.ts';
import type { LedgerRefusal } from '../../store/ledger.ts';

const MAX_BODY_BYTES = 64 * 1024;
/** Bytes that are not UTF-8 are refused, because with U+FFFD in their place the barcode would contain another text. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** POST /v1/barcodes: generates, records, and replies with the image. */
export function createBarcodeRoute(
  gateway: GatewayContext,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  const source = { gateway, upstream, maxEntryBytes: maxEntryBytes(gateway.config.env.CACHE_MAX_BYTES) };
  return {
    kind: 'upstream',
    metrics,
    async prepare(x): Promise<Prepared | Refusal> {
      const refused = gateway.ledger.refusal();
      if (refused !== undefined) return notRecorded(refused);
      const request = await readBarcodeRequest(gateway, x);
      if (request instanceof Refusal) return request;
      return new BarcodeImage(source, x, request, (image) => replyCreated(gateway, x, request, image));
    },
  };
}

/** GET /v1/render/{symbology}: the image alone; cached, not recorded. */
export function renderBarcodeRoute(
  gateway: GatewayContext,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  const source = { gateway, upstream, maxEntryBytes: maxEntryBytes(gateway.config.env.CACHE_MAX_BYTES) };
  return {
    kind: 'upstream',
    metrics,
    prepare(x): Prepared | Refusal {
      if (!isUtf8(x.head.query)) return new Refusal('malformed-request', 'the query must be UTF-8');
      const parsed = fromQuery(x.parameter, new URLSearchParams(x.head.query));
      if (!parsed.ok) return invalid(parsed.problems);
      return new BarcodeImage(source, x, parsed.request, (image, ageSeconds) =>
        replyImage(gateway, x, image, ageSeconds),
      );
    },
  };
}

async function readBarcodeRequest(gateway: GatewayContext, x: Exchange): Promise<BarcodeRequest | Refusal> {
  const type = x.head.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return new Refusal('unsupported-media-type', 'the body must be application/json', {
      headers: ['accept-post', 'application/json'],
    });
  }
  if ((x.head.contentLength ?? 0) > MAX_BODY_BYTES) return bodyTooLarge(MAX_BODY_BYTES);
  const stored = await gateway.uploads.receive(x, { maxBytes: MAX_BODY_BYTES, memoryBytes: MAX_BODY_BYTES });
  if (stored instanceof Refusal) return stored;
  const body = stored.open() as Buffer;
  let json: unknown;
  try {
    json = JSON.parse(strictUtf8.decode(body));
  } catch {
    return new Refusal('malformed-request', 'the body is not JSON in UTF-8');
  }
  const parsed = parseBarcodeRequest(json);
  return parsed.ok ? parsed.request : invalid(parsed.problems);
}

const notRecorded = ({ reason, detail }: LedgerRefusal): Refusal =>
  new Refusal(reason, detail, { retryAfterSeconds: 1 });

function invalid(problems: readonly FieldProblem[]): Refusal {
  const detail = problems.map((problem) => problem.detail).join('; ');
  return new Refusal('invalid-request', detail, { errors: problems });
}

async function replyCreated(
  gateway: GatewayContext,
  x: Exchange,
  request: BarcodeRequest,
  image: Image,
): Promise<Refusal | undefined> {
  const createdAtMs = gateway.clock.wallNow();
  const { symbology, format, text } = request;
  const id = uuidv7(createdAtMs);
  const keyId = x.key?.id ?? '';
  const record = { id, keyId, symbology, format, text, bytes: image.bytes, requestId: x.id, createdAtMs };
  const refused = await gateway.ledger.append({ ...record, status: 'delivered' });
  if (refused !== undefined) return notRecorded(refused);
  x.onClose = (delivered) => {
    if (!delivered) gateway.ledger.aborted(id);
  };
  x.respond(
    201,
    [
      'content-type',
      image.contentType,
      'location',
      `${builtinPrefix(gateway.config)}/v1/barcodes/${id}`,
      'cache-control',
      'no-store',
    ],
    image.bytes,
  );
  return undefined;
}

function replyImage(gateway: GatewayContext, x: Exchange, image: Image, ageSeconds: number): undefined {
  const { CACHE_TTL_SECONDS } = gateway.config.env;
  // Private, because the request needs a key, and a shared cache in front of Rampart would serve the image without one.
  const headers = ['content-type', image.contentType, 'cache-control', `private, max-age=${CACHE_TTL_SECONDS}`];
  if (ageSeconds > 0) headers.push('age', String(ageSeconds));
  x.respond(200, headers, image.bytes);
  return undefined;
}
