import { imageType } from '../../barcode/formats.ts';
import { type BarcodeRequest, fromQuery, parseBarcodeRequest } from '../../barcode/request.ts';
import type { FieldProblem } from '../../barcode/validate.ts';
import { builtinPrefix } from '../../config/own-routes.ts';
import { maxEntryBytes } from '../../config/routes.ts';
import { uuidv7, uuidv7Time } from '../../core/ids.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { isUtf8 } from '../http/path-form.ts';
import { Refusal } from '../refusal.ts';
import { bodyTooLarge } from '../http/body-refusals.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { BarcodeRecord } from '../../store/records.ts';
import { BarcodeImage, type Image } from './barcode-image.ts';
import { claimCreation, type IdempotentCreation } from './idempotent-creation.ts';
import type { Prepared, UpstreamRoute } from './route.ts';
import { recordAsJson, replyForm, warningHeaders } from './reply-form.ts';
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
  const source = { gateway, upstream, maxEntryBytes: maxEntryBytes(gateway.config.env.CACHE_MAX_BYTES), keeps: true };
  return {
    kind: 'upstream',
    metrics,
    async prepare(x): Promise<Prepared | Refusal | undefined> {
      const refused = gateway.ledger.refusal();
      if (refused !== undefined) return notRecorded(refused);
      const read = await readBarcodeRequest(gateway, x);
      if (read instanceof Refusal) return read;
      const claim = await claimCreation(gateway, x, read.json);
      if (claim instanceof Refusal) return claim;
      if (claim !== undefined && 'bytes' in claim) {
        respondCreated(gateway, x, claim, read.isJson);
        return undefined;
      }
      return new BarcodeImage(source, x, read.request, (image) => replyCreated(gateway, x, read, image, claim));
    },
  };
}

/** GET /v1/render/{symbology}: the image alone; cached, not recorded. */
export function renderBarcodeRoute(
  gateway: GatewayContext,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  const source = { gateway, upstream, maxEntryBytes: maxEntryBytes(gateway.config.env.CACHE_MAX_BYTES), keeps: true };
  return {
    kind: 'upstream',
    metrics,
    prepare(x): Prepared | Refusal {
      if (!isUtf8(x.head.query)) return new Refusal('malformed-request', 'the query must be UTF-8');
      const query = new URLSearchParams(x.head.query);
      const form = replyForm(x, query.get('format') ?? undefined, false);
      if (form instanceof Refusal) return form;
      const parsed = fromQuery(x.parameter, query, form.format);
      if (!parsed.ok) return invalid(parsed.problems);
      return new BarcodeImage(source, x, parsed.request, (image, ageSeconds) =>
        replyImage(gateway, x, { ...image, warnings: warningHeaders(parsed.request) }, ageSeconds),
      );
    },
  };
}

interface ReadRequest {
  readonly request: BarcodeRequest;
  /** The body, as the client has sent it. */
  readonly json: unknown;
  /** Whether the reply is the record with its image, instead of the image alone. */
  readonly isJson: boolean;
}

async function readBarcodeRequest(gateway: GatewayContext, x: Exchange): Promise<ReadRequest | Refusal> {
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
  const form = replyForm(x, (json as { readonly format?: unknown } | null)?.format, true);
  if (form instanceof Refusal) return form;
  const parsed = parseBarcodeRequest(json, form.format);
  return parsed.ok ? { request: parsed.request, json, isJson: form.isJson } : invalid(parsed.problems);
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
  { request, isJson }: ReadRequest,
  image: Image,
  claim: IdempotentCreation | undefined,
): Promise<Refusal | undefined> {
  const { symbology, format, text } = request;
  const id = claim?.id ?? uuidv7(gateway.clock.wallNow(), gateway.recordPeers.maker);
  // One time for both, because lists find records of a time by their ids.
  const createdAtMs = uuidv7Time(id) ?? 0;
  const keyId = x.key?.id ?? '';
  const status = 'delivered' as const;
  const record = { id, keyId, symbology, format, text, bytes: image.bytes, requestId: x.id, createdAtMs, status };
  const refusal = claim === undefined ? await keep(gateway, record) : await claim.complete(record);
  if (refusal !== undefined) return refusal;
  // The client may have left while the record was on its way.
  if (x.over) gateway.ledger.aborted(id);
  x.onClose = (delivered) => {
    if (!delivered) gateway.ledger.aborted(id);
  };
  respondCreated(gateway, x, record, isJson);
  return undefined;
}

async function keep({ ledger }: GatewayContext, record: BarcodeRecord): Promise<Refusal | undefined> {
  const refused = await ledger.append(record);
  return refused && notRecorded(refused);
}

function respondCreated(gateway: GatewayContext, x: Exchange, record: BarcodeRecord, isJson: boolean): void {
  const prefix = builtinPrefix(gateway.config);
  const type = isJson ? 'application/json' : imageType(record.format);
  const headers = ['content-type', type, 'location', `${prefix}/v1/barcodes/${record.id}`, 'cache-control', 'no-store'];
  headers.push(...warningHeaders(record));
  x.respond(201, headers, isJson ? recordAsJson(record, prefix) : Buffer.from(record.bytes));
}

function replyImage(
  gateway: GatewayContext,
  x: Exchange,
  image: Image & { readonly warnings: readonly string[] },
  ageSeconds: number,
): undefined {
  const { CACHE_TTL_SECONDS } = gateway.config.env;
  // Private, because the request needs a key, and a shared cache in front of Rampart would serve the image without one.
  const headers = [
    'content-type',
    image.contentType,
    'cache-control',
    `private, max-age=${CACHE_TTL_SECONDS}`,
    'vary',
    'Accept',
  ];
  headers.push(...image.warnings);
  if (ageSeconds > 0) headers.push('age', String(ageSeconds));
  x.respond(200, headers, image.bytes);
  return undefined;
}
