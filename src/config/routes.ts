import type { CorsRules } from '../policy/routing/cors.ts';
import { defaultRetryRules, type RetryRules } from '../policy/retry/retryable.ts';
import { rateOf } from './client-limit.ts';
import { compressionOf } from './compression.ts';
import type { Environment } from './environment.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import type {
  ErrorPages,
  HeaderRules,
  Redirect,
  Rewrite,
  RouteCache,
  RouteConfig,
  RouteLimitConfig,
  StaticBody,
  StaticReply,
} from './model.ts';
import { type AuthFile, authSettings } from './authentication.ts';
import { routeSchema } from './route-schema.ts';

const DEFAULT_MAX_BODY_BYTES = 10 * 1024 ** 2;
const DEFAULT_BUFFER_BODY_BYTES = 64 * 1024;
export const DEFAULT_BUFFER_REPLY_BYTES = 256 * 1024;
/** A long poll may take as long as it likes, unless its route says otherwise. */
const LONG_LIVED_TIMEOUT_MS = 3_600_000;

/** What a page usually sends. */
const DEFAULT_CORS_HEADERS = ['authorization', 'content-type', 'x-api-key', 'idempotency-key'];

/** No reply may push out more than this part of the others. */
const LARGEST_ENTRY_PART = 16;

export const maxEntryBytes = (cacheMaxBytes: number): number => Math.floor(cacheMaxBytes / LARGEST_ENTRY_PART);

type RouteFile = NonNullable<ParsedConfigFile['routes']>[number];

/** A route of the file with its defaults; settings without a default are passed on as they are. */
export function routeOf(route: RouteFile, env: Environment, file: AuthFile = {}): RouteConfig {
  const auth = authSettings(route, file);
  return {
    ...everySettingOf(route),
    redirect: redirectOf(route.redirect),
    static: staticOf(route.static),
    rewrite: rewriteOf(route.rewrite),
    request: headerRulesOf(route.request),
    response: headerRulesOf(route.response),
    errorPages: errorPagesOf(route.errorPages),
    cors: corsOf(route.cors),
    ...auth,
    splitBy: route.splitBy ?? 'key',
    timeoutMs: route.timeoutMs ?? (route.longLived === true ? LONG_LIVED_TIMEOUT_MS : env.UPSTREAM_TIMEOUT_MS),
    maxBodyBytes: route.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    limit: limitOf(route.limit),
    mirror: route.mirror && { upstream: route.mirror.upstream, percent: route.mirror.percent ?? 100 },
    pure: route.pure ?? false,
    hedge: route.hedge ?? false,
    compress: compressionOf(route.compress),
    cache: routeCache(route.cache, env.CACHE_MAX_BYTES),
    // A redirect must not pass a path on that begins with `//`, which a browser takes for a host.
    paths: route.paths ?? (auth.authenticate || route.redirect !== undefined ? 'strict' : 'literal'),
    upload: route.upload ?? 'buffer',
    bufferBodyBytes: route.bufferBodyBytes ?? DEFAULT_BUFFER_BODY_BYTES,
    bufferReplyBytes: route.bufferReplyBytes ?? DEFAULT_BUFFER_REPLY_BYTES,
    longLived: route.longLived ?? false,
    streamsAreWork: route.longLived === false,
    retry: retryRules(route.retry),
  };
}

type EverySetting = { readonly [Name in keyof Required<RouteFile>]: RouteFile[Name] };

const settingNames = Object.keys(routeSchema.shape) as (keyof RouteFile)[];

/** Settings that the file leaves out are undefined, so that all routes have one shape, which the request path reads. */
function everySettingOf(route: RouteFile): EverySetting {
  return Object.fromEntries(settingNames.map((name) => [name, route[name]])) as EverySetting;
}

function limitOf(limit: RouteFile['limit']): RouteLimitConfig | undefined {
  if (limit === undefined) return undefined;
  const { maxConcurrent, by = 'key', cost } = limit;
  return {
    rate: rateOf(limit),
    inFlight: maxConcurrent,
    by,
    cost: cost && { header: cost.header.toLowerCase(), of: cost.of ?? 'response' },
  };
}

function redirectOf(redirect: RouteFile['redirect']): Redirect | undefined {
  if (redirect === undefined) return undefined;
  const { to, scheme, port, trailingSlash, status = 308 } = redirect;
  return { to, scheme, port, trailingSlash, status };
}

function staticOf(reply: RouteFile['static']): StaticReply | undefined {
  if (reply === undefined) return undefined;
  const { status = 200, retryAfterSeconds } = reply;
  return { ...staticBodyOf(reply), status, retryAfterSeconds };
}

/** Files have been read by now: see `withTexts`. */
function staticBodyOf({
  body = '',
  contentType,
}: {
  body?: string | undefined;
  contentType?: string | undefined;
}): StaticBody {
  return { body, contentType: contentType ?? 'text/plain; charset=utf-8' };
}

export function errorPagesOf(pages: RouteFile['errorPages']): ErrorPages | undefined {
  if (pages === undefined) return undefined;
  return Object.fromEntries(Object.entries(pages).map(([status, page]) => [status, staticBodyOf(page)]));
}

function rewriteOf(rewrite: RouteFile['rewrite']): Rewrite | undefined {
  if (rewrite === undefined) return undefined;
  const { stripPrefix, addPrefix, path, host } = rewrite;
  return { stripPrefix, addPrefix, path, host };
}

function headerRulesOf(rules: RouteFile['request']): HeaderRules | undefined {
  if (rules === undefined) return undefined;
  const lower = (fields: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
  const remove = (rules.remove ?? []).map((name) => name.toLowerCase());
  return { set: lower(rules.set), add: lower(rules.add), remove };
}

function corsOf(cors: RouteFile['cors']): CorsRules | undefined {
  if (cors === undefined) return undefined;
  const { origins, methods, headers = DEFAULT_CORS_HEADERS, exposeHeaders = [], credentials = false } = cors;
  return { origins, methods, headers, exposeHeaders, credentials, maxAgeSeconds: cors.maxAgeSeconds ?? 600 };
}

/** The retry rules of a route. */
function retryRules(retry: RouteFile['retry']): RetryRules | false {
  if (retry === false) return false;
  return retry === undefined ? defaultRetryRules : { attempts: retry.attempts, on: retry.on };
}

export function routeCache(cache: RouteFile['cache'], cacheMaxBytes: number): RouteCache | undefined {
  if (cache === undefined || cache === false) return undefined;
  const most = maxEntryBytes(cacheMaxBytes);
  return {
    ttlSeconds: cache.ttlSeconds,
    negativeTtlSeconds: cache.negativeTtlSeconds,
    staleWhileRevalidateSeconds: cache.staleWhileRevalidateSeconds ?? 0,
    staleIfErrorSeconds: cache.staleIfErrorSeconds ?? 0,
    public: cache.public ?? false,
    maxEntryBytes: Math.min(cache.maxEntryBytes ?? most, cache.maxBytes ?? most, most),
    maxBytes: cache.maxBytes,
  };
}
