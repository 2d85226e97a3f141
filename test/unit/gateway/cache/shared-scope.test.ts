import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteConfig } from '../../../../src/config/model.ts';
import { sharedScopeOf } from '../../../../src/gateway/cache/shared-scope.ts';

const route = {
  endpoint: 'item',
  path: '/:shop/:id',
  rewrite: { path: '/items/:id', stripPrefix: undefined, host: undefined },
  authentication: 'none',
  cache: { ttlSeconds: 60, maxEntryBytes: 1000, maxBytes: 1000 },
} as unknown as RouteConfig;
const scope = (more: object = {}, upstream = 'app'): string => sharedScopeOf({ ...route, ...more }, upstream);

test('routes that ask a backend for something else share no replies', () => {
  assert.notEqual(scope({ path: '/:id/:shop' }), scope(), 'the parameters of the rewriting stand for other parts');
  assert.notEqual(scope({ rewrite: undefined }), scope());
  assert.notEqual(scope({ authentication: 'jwt' }), scope());
  assert.notEqual(scope({ cache: { ...route.cache, ttlSeconds: 61 } }), scope());
  assert.notEqual(scope({}, 'other'), scope());
});

test('what is a matter of a host makes no difference', () => {
  assert.equal(scope({ cache: { ...route.cache, maxEntryBytes: 2000, maxBytes: 2 } }), scope());
  assert.equal(scope({ timeoutMs: 7, priority: 'bulk' }), scope());
});
