import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorsPolicy, type CorsRules } from '../../../../src/policy/routing/cors.ts';

const rules: CorsRules = {
  origins: ['https://shop.example', 'https://*.tenant.example'],
  methods: ['GET', 'POST'],
  headers: ['Content-Type', 'x-api-key'],
  exposeHeaders: ['etag'],
  credentials: true,
  maxAgeSeconds: 60,
};
const policy = new CorsPolicy(rules);

test('an origin is allowed if it is named, or is one label below a wildcard', () => {
  const allowed = [
    'https://shop.example',
    'https://SHOP.example',
    'https://a.tenant.example',
    'http://shop.example',
    'https://shop.example:444',
    'https://tenant.example',
    'https://a.b.tenant.example',
    'https://evil.example/.tenant.example',
    'https://eviltenant.example',
    'null',
  ].filter((origin) => policy.allows(origin));
  assert.deepEqual(allowed, ['https://shop.example', 'https://SHOP.example', 'https://a.tenant.example']);
});

test('a preflight gets the lines of the route', () => {
  assert.deepEqual(
    policy.preflight({ origin: 'https://shop.example', method: 'POST', headers: 'content-type, X-Api-Key' }),
    [
      'access-control-allow-origin',
      'https://shop.example',
      'access-control-allow-credentials',
      'true',
      'access-control-expose-headers',
      'etag',
      'access-control-allow-methods',
      'GET, POST',
      'access-control-allow-headers',
      'content-type, x-api-key',
      'access-control-max-age',
      '60',
    ],
  );
});

test('a preflight for more than the rules allow is refused with the reason', () => {
  const origin = 'https://shop.example';
  assert.equal(
    policy.preflight({ origin: 'https://x.example', method: 'GET', headers: undefined }),
    'pages of this origin may not use the route',
  );
  assert.equal(
    policy.preflight({ origin, method: 'DELETE', headers: undefined }),
    'pages of other origins may use GET, POST here',
  );
  assert.equal(
    policy.preflight({ origin, method: 'GET', headers: 'x-other' }),
    'pages of other origins may not send the header "x-other"',
  );
});

test('any header may be asked for by *, but only names of header fields are repeated', () => {
  const open = new CorsPolicy({ ...rules, origins: '*', methods: undefined, headers: '*', credentials: false });
  const lines = open.preflight({ origin: 'https://any.example', method: 'PATCH', headers: 'x-a,, X-B ' });
  assert.ok(Array.isArray(lines));
  assert.deepEqual(lines.slice(0, 2), ['access-control-allow-origin', '*']);
  assert.ok(lines.includes('x-a, x-b') && lines.includes('PATCH'));
  assert.equal(typeof open.preflight({ origin: 'https://any.example', method: 'GET', headers: 'x a' }), 'string');
});
