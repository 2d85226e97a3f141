import { rawHeader } from '../../core/raw-headers.ts';
import { IMAGE_ENDPOINT } from '../../barcode/image-target.ts';
import { type BarcodeRequest, canonicalBody } from '../../barcode/request.ts';
import { anything } from '../../policy/cache/request-cache-control.ts';
import { defaultRetryRules } from '../../policy/retry/retryable.ts';
import type { ReplyHead, Verdict } from '../../policy/cache/storing.ts';
import type { CacheClient, Ending, CacheSink } from '../cache/cache-client.ts';
import type { CacheKey, Entry } from '../cache/entry.ts';
import type { Exchange } from '../exchange.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { GatewayContext } from '../context.ts';
import { Refusal } from '../refusal.ts';
import { backendTiming, CollectingSink } from '../http/reply-sinks.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface Image {
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** Sends an image as a reply; `ageSeconds` is above 0 only for an image from the cache. */
export type UseImage = (image: Image, ageSeconds: number) => Ending;

/** The generators of a worker, and the largest image that is kept. */
export interface ImageSource {
  readonly gateway: GatewayContext;
  readonly upstream: Upstream;
  readonly maxEntryBytes: number;
  /** Whether images are kept for later requests. */
  readonly keeps: boolean;
}

/** The image of a barcode, by its canonical request: from the cache, or from a generator. */
export class BarcodeImage implements CacheClient {
  readonly kind = 'cacheable';
  readonly x: Exchange;
  readonly key: CacheKey;
  readonly requestCacheControl = anything;
  /** An image is drawn as fast as it is fetched, and another release may draw it differently. */
  readonly sharedScope = undefined;
  readonly #source: ImageSource;
  readonly #use: UseImage;
  readonly #symbology: string;

  constructor(source: ImageSource, x: Exchange, request: BarcodeRequest, use: UseImage) {
    const body = canonicalBody(request);
    this.x = x;
    this.#symbology = request.symbology;
    this.key = { endpoint: IMAGE_ENDPOINT, host: '', target: body, text: `${IMAGE_ENDPOINT}\n\n${body}` };
    this.#source = source;
    this.#use = use;
  }

  get maxEntryBytes(): number {
    return this.#source.maxEntryBytes;
  }

  /** Rendering is pure: the same request gives the same bytes, so it may be repeated. */
  request(): UpstreamRequest {
    const { gateway, upstream } = this.#source;
    const { id, traceparent } = this.x;
    return {
      upstream,
      method: 'POST',
      path: '/generate',
      headers: [
        'content-type',
        'application/json',
        'x-request-id',
        id,
        ...(traceparent === '' ? [] : ['traceparent', traceparent]),
      ],
      body: this.key.target,
      idempotent: true,
      pure: true,
      hedge: false,
      retry: defaultRetryRules,
      isStream: false,
      streamsAreWork: false,
      idleTimeoutMs: undefined,
      // A PDF417 takes five times as long as an Aztec.
      routeClass: upstream.classOf(this.#symbology),
      timeoutMs: gateway.config.env.UPSTREAM_TIMEOUT_MS,
      // A fetch serves several subscribers, each of which has a deadline of its own.
      clientWaitsMs: undefined,
    };
  }

  /**
   * An image never changes. A refusal to encode a text never changes either, but is not stored, because it is quick to
   * repeat.
   */
  judge({ status, headers }: ReplyHead): Verdict {
    if (status === 422) return { store: false, share: true, because: 'it is no image' };
    if (status !== 200 || typeof headers['content-type'] !== 'string') {
      return { store: false, share: false, because: 'it is no image' };
    }
    const freshMs = this.#source.gateway.config.env.CACHE_TTL_SECONDS * 1000;
    const lifetime = { ageMs: 0, freshMs, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, mustRevalidate: false };
    if (!this.#source.keeps) return { store: false, share: true, because: 'it is one of a batch' };
    return { store: true, share: true, lifetime, vary: [] };
  }

  openSink(): ImageSink {
    return new ImageSink();
  }

  finish(sink: CacheSink): Ending {
    const image = imageOf(this.x, sink as ImageSink);
    return image instanceof Refusal ? image : this.#use(image, 0);
  }

  deliver({ headers, body }: Entry, ageSeconds: number): Ending {
    const contentType = rawHeader(headers, 'content-type') ?? '';
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
    return this.#use({ contentType, bytes }, ageSeconds);
  }
}

/** The record needs the whole image. */
class ImageSink extends CollectingSink implements CacheSink {
  readonly isSatisfied = false;
}

/** The generator's image, or its refusal as a refusal of the gateway. */
function imageOf(x: Exchange, sink: CollectingSink): Image | Refusal {
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
