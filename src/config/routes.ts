import { defaultRetryRules, type RetryRules } from '../policy/retry/retryable.ts';
import type { Environment } from './environment.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import type { RouteCache, RouteConfig } from './model.ts';
import { routeSchema } from './route-schema.ts';

const DEFAULT_MAX_BODY_BYTES = 10 * 1024 ** 2;
const DEFAULT_BUFFER_BODY_BYTES = 64 * 1024;
export const DEFAULT_BUFFER_REPLY_BYTES = 256 * 1024;
/** A long poll may take as long as it likes, unless its route says otherwise. */
const LONG_LIVED_TIMEOUT_MS = 3_600_000;

/** No reply may push out more than this part of the others. */
const LARGEST_ENTRY_PART = 16;

export const maxEntryBytes = (cacheMaxBytes: number): number => Math.floor(cacheMaxBytes / LARGEST_ENTRY_PART);

type RouteFile = NonNullable<ParsedConfigFile['routes']>[number];

/** A route of the file with its defaults; settings without a default are passed on as they are. */
export function routeOf(route: RouteFile, env: Environment): RouteConfig {
  return {
    ...everySettingOf(route),
    authenticate: route.authenticate ?? true,
    timeoutMs: route.timeoutMs ?? (route.longLived === true ? LONG_LIVED_TIMEOUT_MS : env.UPSTREAM_TIMEOUT_MS),
    maxBodyBytes: route.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    pure: route.pure ?? false,
    hedge: route.hedge ?? false,
    cache: routeCache(route.cache, env.CACHE_MAX_BYTES),
    paths: route.paths ?? ((route.authenticate ?? true) ? 'strict' : 'literal'),
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
