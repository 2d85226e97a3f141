import type { RouteConfig } from '../../config/model.ts';
import { contentHash } from '../../core/canonical-json.ts';

/**
 * Names a route by all settings that a stored reply depends on. Hosts with different settings, such as during a reload, do not share replies of
 * the route.
 */
export function sharedScopeOf(config: RouteConfig, upstream: string): string {
  const { path, rewrite, request, paths, authentication, jwt, basic, forward, certificate, cache } = config;
  const { maxEntryBytes: _ofThisHost, maxBytes: _ofItsMemory, ...rules } = cache ?? {};
  const identity = [authentication, jwt, basic, forward, certificate];
  // The pattern of the path says what the parameters of `rewrite` stand for.
  return contentHash([upstream, path, rewrite, request, paths, identity, rules]);
}
