import { type BarcodeRequest, canonicalBody, fromQuery, parseBarcodeRequest } from '../../barcode/request.ts';
import type { FieldProblem } from '../../barcode/validate.ts';
import { uuidv7 } from '../../core/ids.ts';
import type { EndpointMetrics } from '../gateway-metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../gateway-context.ts';
import type { CachedImage } from '../image-cache.ts';
import { isUtf8 } from '../hygiene.ts';
import { Refusal } from '../refusal.ts';
import { readBody } from '../request-body.ts';
import { backendTiming, CollectingSink } from '../sinks.ts';
import type { Upstream } from '../upstream.ts';
import { type Prepared, timeLimitMs, type UpstreamRoute } from './route.ts';
import { storeRefusal } from './store-refusal.ts';

const MAX_BODY_BYTES = 64 * 1024;
/** What is no UTF-8 is refused: replaced by U+FFFD it would give a barcode that says something else. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** POST /v1/barcodes: generates, records, and replies with the image. */
export function createBarcodeRoute(
  gateway: GatewayContext,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  return {
    kind: 'upstream',
    metrics,
    authenticate: true,
    async prepare(x): Promise<Prepared | Refusal> {
      const request = await readBarcodeRequest(x);
      if (request instanceof Refusal) return request;
      const sink = new CollectingSink();
      return {
        call: generateCall(gateway, upstream, x, request),
        sink,
        finish: () => {
          const image = imageOf(x, sink);
          return image instanceof Refusal ? image : replyCreated(gateway, x, request, image);
        },
      };
    },
  };
}

/** GET /v1/render/{symbology}: the image alone; cached, not recorded. */
export function renderBarcodeRoute(
  gateway: GatewayContext,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  return {
    kind: 'upstream',
    metrics,
    authenticate: true,
    prepare(x): Prepared | Refusal {
      if (!isUtf8(x.head.query)) return new Refusal('malformed-request', 'the query must be UTF-8');
      const parsed = fromQuery(x.parameter, new URLSearchParams(x.head.query));
      if (!parsed.ok) return invalid(parsed.problems);
      const body = canonicalBody(parsed.request);
      const sink = new CollectingSink();
      return {
        call: generateCall(gateway, upstream, x, parsed.request),
        sink,
        lookUp: () => replyFromCache(gateway, x, body),
        finish: () => {
          const image = imageOf(x, sink);
          if (image instanceof Refusal) return image;
          gateway.images.keep(body, image);
          x.cacheStatus = gateway.images.isOn ? 'Rampart; fwd=miss; stored' : 'Rampart; fwd=bypass';
          replyImage(gateway, x, image, 0);
          return undefined;
        },
      };
    },
  };
}

async function readBarcodeRequest(x: Exchange): Promise<BarcodeRequest | Refusal> {
  const type = x.head.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return new Refusal('unsupported-media-type', 'the body must be application/json', {
      headers: ['accept-post', 'application/json'],
    });
  }
  const body = await readBody(x, MAX_BODY_BYTES);
  if (body instanceof Refusal) return body;
  let json: unknown;
  try {
    json = JSON.parse(strictUtf8.decode(body));
  } catch {
    return new Refusal('malformed-request', 'the body is no JSON in UTF-8');
  }
  const parsed = parseBarcodeRequest(json);
  return parsed.ok ? parsed.request : invalid(parsed.problems);
}

function invalid(problems: readonly FieldProblem[]): Refusal {
  const detail = problems.map((problem) => problem.detail).join('; ');
  return new Refusal('invalid-request', detail, { errors: problems });
}

/** Rendering is pure: the same request gives the same bytes, so it may be done twice. */
function generateCall(
  gateway: GatewayContext,
  upstream: Upstream,
  x: Exchange,
  request: BarcodeRequest,
): Prepared['call'] {
  return {
    upstream,
    method: 'POST',
    path: '/generate',
    headers: ['content-type', 'application/json', 'x-request-id', x.id, 'traceparent', x.traceparent],
    body: canonicalBody(request),
    idempotent: true,
    pure: true,
    // A PDF417 takes five times as long as an Aztec.
    routeClass: upstream.classOf(request.symbology),
    timeoutMs: timeLimitMs(x, gateway.config.env.UPSTREAM_TIMEOUT_MS),
  };
}

/** The generator's image, or its refusal as one of ours. */
function imageOf(x: Exchange, sink: CollectingSink): CachedImage | Refusal {
  x.backendTiming = backendTiming(sink.headers);
  const contentType = sink.headers['content-type'];
  if (sink.status === 200 && typeof contentType === 'string') return { contentType, bytes: sink.body() };
  if (sink.status === 422) return unencodable(sink.body());
  if (sink.status === 503) return new Refusal('overloaded', 'the generator is at its cap', { retryAfterSeconds: 1 });
  x.failure = 'upstream-failed';
  return new Refusal('upstream-failed', `the generator answered ${sink.status}`, { proxyError: 'http_protocol_error' });
}

function unencodable(body: Buffer): Refusal {
  try {
    const problem = JSON.parse(body.toString()) as { detail?: string; errors?: readonly unknown[] };
    return new Refusal('unencodable', problem.detail ?? 'the text cannot be encoded', { errors: problem.errors ?? [] });
  } catch {
    return new Refusal('unencodable', 'the text cannot be encoded');
  }
}

async function replyCreated(
  gateway: GatewayContext,
  x: Exchange,
  request: BarcodeRequest,
  image: CachedImage,
): Promise<Refusal | undefined> {
  const createdAtMs = gateway.clock.wallNow();
  const { symbology, format, text } = request;
  const id = uuidv7(createdAtMs);
  const keyId = x.key?.id ?? '';
  const record = { id, keyId, symbology, format, text, bytes: image.bytes, requestId: x.id, createdAtMs };
  if (gateway.config.env.LEDGER_DURABILITY === 'sync') {
    gateway.ledger.append({ ...record, status: 'delivered' });
    const refusal = await gateway.ledger.flush().then(() => undefined, storeRefusal);
    if (refusal !== undefined) return refusal;
  } else {
    x.onClose = (delivered) => gateway.ledger.append({ ...record, status: delivered ? 'delivered' : 'aborted' });
  }
  x.reply(
    201,
    ['content-type', image.contentType, 'location', `/v1/barcodes/${id}`, 'cache-control', 'no-store'],
    image.bytes,
  );
  return undefined;
}

function replyFromCache(gateway: GatewayContext, x: Exchange, body: string): boolean {
  const found = gateway.images.find(body);
  x.metrics.countCache(found === undefined ? 'miss' : 'hit');
  if (found === undefined) return false;
  x.cacheStatus = `Rampart; hit; ttl=${gateway.images.ttlSeconds - found.ageSeconds}`;
  replyImage(gateway, x, found.image, found.ageSeconds);
  return true;
}

function replyImage(gateway: GatewayContext, x: Exchange, image: CachedImage, ageSeconds: number): void {
  // Private: it takes a key to get here, and a shared cache in front of us would hand it out without.
  const headers = ['content-type', image.contentType, 'cache-control', `private, max-age=${gateway.images.ttlSeconds}`];
  if (ageSeconds > 0) headers.push('age', String(ageSeconds));
  x.reply(200, headers, image.bytes);
}
