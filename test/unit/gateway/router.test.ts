import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Refusal } from '../../../src/gateway/refusal.ts';
import { Router, type RoutePattern } from '../../../src/gateway/router.ts';
import type { Route } from '../../../src/gateway/routes/route.ts';

const named = (name: string): Route => ({ name }) as unknown as Route;
const nameOf = (router: Router, method: string, path: string): string => {
  const match = router.match(method, path);
  return match instanceof Refusal
    ? match.reason
    : `${(match.route as unknown as { name: string }).name}:${match.parameter}`;
};
const pattern = (path: string, methods: string[] | undefined, name: string): RoutePattern => ({
  path,
  methods,
  route: named(name),
});

describe('Router', () => {
  const router = new Router([
    pattern('/v1/barcodes', ['POST'], 'create'),
    pattern('/v1/barcodes', ['GET'], 'list'),
    pattern('/v1/barcodes/{id}', ['GET'], 'get'),
    pattern('/v1/barcodes/{id}/image', ['GET'], 'image'),
    pattern('/api/*', undefined, 'api'),
    pattern('/api/deep/*', ['PUT'], 'deep'),
  ]);

  test('finds literal paths by method, and HEAD where GET is', () => {
    assert.equal(nameOf(router, 'POST', '/v1/barcodes'), 'create:');
    assert.equal(nameOf(router, 'GET', '/v1/barcodes'), 'list:');
    assert.equal(nameOf(router, 'HEAD', '/v1/barcodes'), 'list:');
  });

  test('gives the parameter, decoded, of one segment only', () => {
    assert.equal(nameOf(router, 'GET', '/v1/barcodes/a%20b'), 'get:a b');
    assert.equal(nameOf(router, 'GET', '/v1/barcodes/x/image'), 'image:x');
    assert.equal(nameOf(router, 'GET', '/v1/barcodes/x/other'), 'not-found');
    assert.equal(nameOf(router, 'GET', '/v1/barcodes/'), 'not-found');
  });

  test('keeps a parameter whose encoding is no UTF-8 as it came', () => {
    assert.equal(nameOf(router, 'GET', '/v1/barcodes/%ff'), 'get:%ff');
  });

  test('prefers the longest prefix', () => {
    assert.equal(nameOf(router, 'PUT', '/api/deep/x'), 'deep:');
    assert.equal(nameOf(router, 'DELETE', '/api/x'), 'api:');
  });

  test('says what a path allows', () => {
    const refusal = router.match('DELETE', '/v1/barcodes');
    assert.ok(refusal instanceof Refusal);
    assert.deepEqual([refusal.status, refusal.extras.headers], [405, ['allow', 'POST, GET, HEAD']]);
  });

  test('has no route for names of Object.prototype', () => {
    assert.equal(nameOf(router, '__proto__', '/v1/barcodes'), 'method-not-allowed');
    assert.equal(nameOf(router, 'GET', '/constructor'), 'not-found');
  });
});
