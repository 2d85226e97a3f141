import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { addressProblem } from '../core/addresses.ts';
import { messageOf } from '../core/errors.ts';
import { placeOf } from '../core/error-place.ts';
import { balancerNames } from '../policy/balance/balancer.ts';
import { inPlainWords, problemLines } from './plain-words.ts';

const milliseconds = z.int().min(1).max(3_600_000);
const httpUrl = z
  .url({ protocol: /^http$/, error: 'must be an http origin such as http://127.0.0.1:3000', abort: true })
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url === undefined || (url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '');
  }, 'must be an origin such as http://127.0.0.1:3000, without path, query or credentials');

const admissionSchema = z.strictObject({
  /** `fixed`: the caps are the limit. `adaptive`: fewer, where trials show that throughput does not suffer. */
  limit: z.enum(['fixed', 'adaptive']).optional(),
  /** Requests in flight at all backends that an adaptive limit leaves. */
  minLimit: z.int().min(1).max(100_000).optional(),
  /** A request may join the queue if it can expect to wait no longer. `auto`: about one round of the permits. */
  maxWaitMs: z.union([z.literal('auto'), milliseconds]).optional(),
});

const healthSchema = z.strictObject({
  /** A backend passes when it answers 2xx here. */
  path: z.string().startsWith('/'),
  /** The Host of the check; the backend's own address by default. */
  host: z
    .string()
    .regex(/^[\w.:[\]-]{1,255}$/, 'must be a host name, with a port if need be')
    .optional(),
  /** Time between two checks of a backend; a fifth of it, though not below 100 ms, while it is down. 500 by default. */
  intervalMs: milliseconds.min(10).optional(),
  /** Longest wait for the head of the answer. 1000 by default. */
  timeoutMs: milliseconds.optional(),
  /** Passed checks in a row that bring a backend up. 2 by default. */
  rise: z.int().min(1).max(100).optional(),
  /** Failed checks in a row that take a backend down. 3 by default; a refused connection does at once. */
  fall: z.int().min(1).max(100).optional(),
  /** Cancel what a backend that went down has not answered, if another one is up. No by default. */
  cancelOnDown: z.boolean().optional(),
});

const upstreamSchema = z.strictObject({
  /** Origins of the interchangeable backends. */
  backends: z.array(httpUrl).min(1).max(1000),
  /** Requests in flight at one backend, counted over the whole host. */
  cap: z.int().min(1).max(100_000).optional(),
  /** Path of the health check; short for `health: { path }`. */
  healthPath: z.string().startsWith('/').optional(),
  health: healthSchema.optional(),
  /** Whether /readyz needs one of its backends to be up. No by default. */
  required: z.boolean().optional(),
  /** Requests that may wait, counted over the whole host. */
  queueCapacity: z.int().min(0).max(100_000).optional(),
  /** Longest wait of a request. Where it is set, waits up to it are let in. */
  queueTimeoutMs: milliseconds.optional(),
  admission: admissionSchema.optional(),
  /** How a backend is chosen. */
  balancer: z.enum(balancerNames).optional(),
  /** Tunnels, event streams and long polls, which are no part of the cap. */
  streams: z
    .strictObject({
      /** Open at a time, on this host. 1000 by default. */
      max: z.int().min(0).max(1_000_000).optional(),
      /** A tunnel in which nothing was said for this long is closed. An hour by default. */
      idleTimeoutMs: z.int().min(1).max(86_400_000).optional(),
    })
    .optional(),
  /** Largest head of a reply. 16 KiB by default. */
  replyHeadBytes: z
    .int()
    .min(1024)
    .max(1024 ** 2)
    .optional(),
});

const retrySchema = z.strictObject({
  /** Requests that may be sent in all, the first included. Two where a backend died, three otherwise. */
  attempts: z.int().min(1).max(10).optional(),
  /** `connect`: no connection; `reset`: it ended without a reply; or statuses. connect, reset, 502, 503, 504 by default. */
  on: z.array(z.union([z.enum(['connect', 'reset']), z.int().min(429).max(599)])).optional(),
});

const seconds = z.int().min(0).max(31_536_000);

const cacheSchema = z.strictObject({
  /** How long a reply is fresh that says nothing of its own; not at all by default. */
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

const routeSchema = z.strictObject({
  /** Name of the operation: the label in metrics and reports. */
  endpoint: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'must be a name of letters, digits and _'),
  /** A literal path, or a prefix that ends in `/*`. */
  path: z
    .string()
    .regex(/^\/(?:[^\s*?#%\\;]*\/)?(?:\*|[^\s*?#%\\;]*)$/, {
      error: 'must start with / and may end in /*, without other *, ?, #, %, ; or spaces',
      abort: true,
    })
    .refine(
      (path) => !path.includes('/:'),
      'must have no parameters: a segment such as :id matches only itself, /* anything',
    ),
  methods: z
    .array(z.string().regex(/^[A-Z]+$/, 'must be a method in capital letters, such as GET'))
    .min(1)
    .optional(),
  upstream: z.string(),
  /** Whether a key is needed; true unless said otherwise. */
  authenticate: z.boolean().optional(),
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
  /** Doing it twice is the same as doing it once, whatever its method: it may be tried again. */
  pure: z.boolean().optional(),
  /** Ask a second backend when the first takes longer than 95 of 100 do; for pure or idempotent requests. */
  hedge: z.boolean().optional(),
  /** How replies are kept and shared; not at all by default. */
  cache: z.union([z.literal(false), cacheSchema]).optional(),
});

const addressOrRange = z.string().superRefine((text, context) => {
  const problem = addressProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().min(0.001).max(1_000_000),
  burst: z.int().min(1).max(1_000_000),
});

export const fileSchema = z.strictObject({
  upstreams: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be small letters, digits and -'), upstreamSchema)
    .optional(),
  routes: z.array(routeSchema).max(1000).optional(),
  /** Peers whose X-Forwarded-* and Forwarded headers are believed, as addresses and ranges (CIDR). None by default. */
  trustedProxies: z.array(addressOrRange).optional(),
  /** Limits of client connections. */
  connections: z
    .strictObject({
      /** Open at a time, of one worker. By default what the limit of file descriptors leaves beside the backends. */
      max: z.int().min(1).optional(),
      /** The same from one address. No limit by default, as many clients may share one. */
      maxPerAddress: z.int().min(1).optional(),
      /** Pipelined requests of one connection that are worked on at a time. 8 by default. */
      maxPipelined: z.int().min(1).max(1000).optional(),
    })
    .optional(),
  headers: z
    .strictObject({
      /** Whether requests to backends carry Via, by which loops are seen. True by default. */
      via: z.boolean().optional(),
      /** Whether replies carry Server-Timing. True by default. */
      serverTiming: z.boolean().optional(),
    })
    .optional(),
  /** The rate limit of every key that has none of its own, over this host. No limit by default. */
  keyLimit: rateLimitSchema.optional(),
  /** The rate limit of every client address, with any key or none, over this host. No limit by default. */
  addressLimit: rateLimitSchema.optional(),
});

/** What `rampart.config.ts` may say. */
export type ConfigFile = z.input<typeof fileSchema>;
export type ParsedConfigFile = z.output<typeof fileSchema>;

/** Gives a configuration file its types: `export default defineConfig({ … })`. */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}

const DEFAULT_FILE = 'rampart.config.ts';

/** Loads the configuration file, if there is one; each problem is one sentence with the path of the value. */
export async function loadConfigFile(
  named: string | undefined,
  folder: string,
): Promise<{ file: ParsedConfigFile; problems: string[] }> {
  const path = resolve(folder, named ?? DEFAULT_FILE);
  if (!existsSync(path)) {
    return { file: {}, problems: named === undefined ? [] : [`RAMPART_CONFIG must name a file: got '${named}'`] };
  }
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    return { file: {}, problems: [`${path} cannot be loaded: ${placeText(error, path)}${messageOf(error)}`] };
  }
  return parseConfigFile(loaded.default, path);
}

function placeText(error: unknown, path: string): string {
  const place = placeOf(error);
  if (place === undefined) return '';
  return place.file === path ? `line ${place.line}: ` : `${place.file}, line ${place.line}: `;
}

/** Checks the value that a configuration file exports. */
export function parseConfigFile(value: unknown, path: string): { file: ParsedConfigFile; problems: string[] } {
  const parsed = fileSchema.safeParse(value, { error: inPlainWords, reportInput: true });
  if (parsed.success) return { file: parsed.data, problems: referenceProblems(parsed.data, path) };
  return { file: {}, problems: problemLines(parsed.error.issues, path, 'the default export') };
}

/** Paths that Rampart's own routes have. */
const ownPaths = ['/v1/barcodes', '/healthz', '/readyz', '/openapi.json'];

/** Endpoint names that Rampart's own routes have. */
export const ownEndpoints = [
  'createBarcode',
  'renderBarcode',
  'getBarcode',
  'getBarcodeImage',
  'listBarcodes',
  'openapi',
  'health',
  'ready',
  'unmatched',
] as const;

function referenceProblems(file: ParsedConfigFile, path: string): string[] {
  const problems: string[] = [];
  const endpoints = new Set<string>(ownEndpoints);
  const taken = new Map<string, string>(ownPaths.map((path) => [path, 'Rampart itself']));
  const upstreams = Object.keys(file.upstreams ?? {});
  for (const [index, route] of (file.routes ?? []).entries()) {
    if (!upstreams.includes(route.upstream)) {
      const known = upstreams.length === 0 ? 'upstreams names none' : `upstreams names ${upstreams.join(', ')}`;
      problems.push(`${path}: routes.${index}.upstream: there is no upstream '${route.upstream}'; ${known}`);
    }
    if (endpoints.has(route.endpoint)) {
      const holder = ownEndpoints.some((name) => name === route.endpoint) ? 'Rampart itself' : 'another route';
      problems.push(`${path}: routes.${index}.endpoint: '${route.endpoint}' is taken by ${holder}`);
    }
    endpoints.add(route.endpoint);
    for (const method of route.methods ?? ['*']) {
      const holder = taken.get(route.path) ?? taken.get(`${route.path} *`) ?? taken.get(`${route.path} ${method}`);
      if (holder !== undefined)
        problems.push(`${path}: routes.${index}.path: '${route.path}' is served by ${holder} already`);
      taken.set(`${route.path} ${method}`, `routes.${index}`);
    }
  }
  for (const [name, { backends }] of Object.entries(file.upstreams ?? {})) {
    const origins = backends.map((url) => new URL(url).origin);
    const twice = origins.find((origin, index) => origins.indexOf(origin) !== index);
    if (twice !== undefined)
      problems.push(`${path}: upstreams.${name}.backends: ${twice} is there twice, which would double its cap`);
  }
  for (const [name, { healthPath, health }] of Object.entries(file.upstreams ?? {})) {
    if (healthPath !== undefined && health !== undefined)
      problems.push(`${path}: upstreams.${name}.healthPath: health has a path too; one of them is enough`);
  }
  if (upstreams.includes('generator')) {
    problems.push(`${path}: upstreams.generator: the name belongs to Rampart's own generators`);
  }
  return problems;
}
