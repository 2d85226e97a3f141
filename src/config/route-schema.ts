import { z } from 'zod';
import { accessFields } from './route-access-schema.ts';
import { requestPart } from './request-part.ts';
import { compressSchema } from './compression.ts';
import { matchFields } from './route-match-schema.ts';
import { redirectSchema, rewriteFields, staticSchema } from './route-rewrite-schema.ts';
import { milliseconds } from './upstream-schema.ts';

const retrySchema = z.strictObject({
  /** How often a request may be sent to a backend, including the first time. By default 2 if a connection broke, otherwise 3. */
  attempts: z.int().min(1).max(10).optional(),
  /**
   * The failures after which it is sent again: `connect` (no connection could be made), `reset` (the connection ended
   * without a reply), or statuses. By default connect, reset, 502, 503, 504, and 500 for `pure` routes.
   */
  on: z.array(z.union([z.enum(['connect', 'reset']), z.int().min(429).max(599)])).optional(),
});

const seconds = z.int().min(0).max(31_536_000);

const cacheSchema = z.strictObject({
  /** For how long a reply without freshness of its own (`Cache-Control`, `Expires`) is fresh. 0 by default. */
  ttlSeconds: seconds.optional(),
  /** The same for 404, 405, 410, 414 and 501. */
  negativeTtlSeconds: seconds.optional(),
  /** For how long a stale reply is served while it is validated behind the request. */
  staleWhileRevalidateSeconds: seconds.optional(),
  /** For how long a stale reply is served in place of an error. */
  staleIfErrorSeconds: seconds.optional(),
  /** A larger reply is not kept. A sixteenth of CACHE_MAX_BYTES by default, and at most. */
  maxEntryBytes: z.int().min(1).optional(),
  /** The part of CACHE_MAX_BYTES that the route may take. All by default. */
  maxBytes: z.int().min(1).optional(),
  /** Whether every key may get what another one got, though the reply does not say `public`. */
  public: z.boolean().optional(),
});

/** A route of the configuration file. */
export const routeSchema = z.strictObject({
  /** Name of the operation: the label in metrics and reports. */
  endpoint: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'must be a letter, then up to 63 letters, digits and _'),
  ...matchFields,
  /** The upstream that serves it. A route has this, or `upstreams`, `redirect` or `static`. */
  upstream: z.string().optional(),
  /** Several upstreams that share its requests by weight; if the last one grows, it keeps the keys that it has. */
  upstreams: z
    .array(z.strictObject({ upstream: z.string(), weight: z.number().min(0).max(1_000_000) }))
    .min(2)
    .max(20)
    .refine((sides) => sides.some(({ weight }) => weight > 0), 'must have a weight above 0')
    .optional(),
  /**
   * What decides the upstream of a request: `key` (the API key, or the client's address without one; the default),
   * `address`, `header:NAME`, `cookie:NAME`, or `random`. A request without such a field goes by `key`.
   */
  splitBy: requestPart.optional(),
  /** Answers with a redirect. */
  redirect: redirectSchema.optional(),
  /** Answers with a text of its own. */
  static: staticSchema.optional(),
  ...rewriteFields,
  ...accessFields,
  /** Longest wait for the head of the backend's reply. */
  timeoutMs: milliseconds.optional(),
  /** Largest body of a request. 10 MiB by default. */
  maxBodyBytes: z.int().min(0).optional(),
  /** `buffer`: the body is received whole before a backend is asked (the default); `stream`: it is forwarded as it comes. */
  upload: z.enum(['buffer', 'stream']).optional(),
  /** Bytes of a body that stay in memory; the rest goes to the spool. 64 KiB by default. */
  bufferBodyBytes: z
    .int()
    .min(0)
    .max(1024 ** 3)
    .optional(),
  /** Bytes of a reply that stay in memory for a slow client; the rest goes to the spool. 256 KiB by default. */
  bufferReplyBytes: z
    .int()
    .min(0)
    .max(1024 ** 3)
    .optional(),
  /** Longest silence within the body of a reply. UPSTREAM_TIMEOUT_MS by default, none for event streams. */
  idleTimeoutMs: z.int().min(1).max(86_400_000).optional(),
  /**
   * `true`: its requests wait for something to happen (long polls), so each takes a place among the streams, not a permit.
   * `false`: its event streams are work (the tokens of a language model), so each holds its permit to its end.
   */
  longLived: z.boolean().optional(),
  /**
   * `literal`: a path reaches the backend as it stands, with %2F, `;`, `//` and needless encodings (the default of routes
   * without a key); `strict`: such a path, which others may read as another one, is refused (the default with a key).
   */
  paths: z.enum(['strict', 'literal']).optional(),
  /** Which failures are retried at another backend; `false`: none. */
  retry: z.union([z.literal(false), retrySchema]).optional(),
  /** Bulk requests wait for interactive ones. */
  priority: z.enum(['interactive', 'bulk']).optional(),
  /** Copies requests to another upstream, whose replies are dropped. */
  mirror: z
    .strictObject({
      upstream: z.string(),
      /** The part of the requests that is copied. 100 by default. */
      percent: z.number().min(0).max(100).optional(),
    })
    .optional(),
  /** Doing it twice is the same as doing it once, whatever its method: it may be tried again. */
  pure: z.boolean().optional(),
  /** Ask a second backend when the first takes longer than 95 of 100 do; for pure or idempotent requests. */
  hedge: z.boolean().optional(),
  /** Compresses text for clients that accept it; `true`: with the defaults. Not by default, as it takes processor time. */
  compress: compressSchema.optional(),
  /** How replies are kept and shared; not at all by default. */
  cache: z.union([z.literal(false), cacheSchema]).optional(),
});
