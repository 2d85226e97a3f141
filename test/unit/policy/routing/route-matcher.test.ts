import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { rulesOf } from '../../../../src/config/route-rules.ts';
import type { RoutedRequest } from '../../../../src/policy/routing/route-conditions.ts';
import { compareRules, reasonAgainst, RouteMatcher } from '../../../../src/policy/routing/route-matcher.ts';
import { hiddenRules, sharedRules } from '../../../../src/policy/routing/route-overlaps.ts';

type Rules = Parameters<typeof rulesOf>[0] & { readonly name: string };

const requestOf = (text: string, headers: Record<string, string> = {}): RoutedRequest => {
  const [method = '', url = ''] = text.split(' ');
  const [, host = '', path = '', query = ''] = /^(?:\/\/([^/]*))?([^?]*)(.*)$/.exec(url) ?? [];
  return { method, host, path, query, scheme: 'http', headerOf: (name) => headers[name] };
};

const rules = (routes: readonly Rules[]) => routes.flatMap((route) => rulesOf(route, route.name));

/** The name of the route that takes a request with the values of its parameters, or the allowed methods. */
function taken(routes: readonly Rules[], text: string, headers?: Record<string, string>): string {
  const found = new RouteMatcher(rules(routes)).match(requestOf(text, headers));
  if ('rule' in found) return [found.rule.target, ...found.values].join(' ');
  return found.allowed.length === 0 ? 'none' : `only ${found.allowed.join()}`;
}

describe('paths', () => {
  const routes = [
    { name: 'create', path: '/v1/things', methods: ['POST'] },
    { name: 'list', path: '/v1/things', methods: ['GET'] },
    { name: 'get', path: '/v1/things/:id', methods: ['GET'] },
    { name: 'image', path: '/v1/things/:id/image', methods: ['GET'] },
    { name: 'pair', path: '/v1/:left/and/:right' },
    { name: 'api', path: '/api/*' },
    { name: 'deep', path: '/api/deep/*', methods: ['PUT'] },
    { name: 'user', path: '/users/:user/*' },
  ];

  for (const [request, wanted] of [
    ['POST /v1/things', 'create'],
    ['GET /v1/things', 'list'],
    ['HEAD /v1/things', 'list'],
    ['GET /v1/things/a%20b', 'get a%20b'],
    ['GET /v1/things/x/image', 'image x'],
    ['GET /v1/things/x/other', 'none'],
    ['GET /v1/things/', 'none'],
    ['GET /v1/a/and/b', 'pair a b'],
    ['GET /v1//and/b', 'none'],
    ['PUT /api/deep/x', 'deep'],
    ['DELETE /api/x', 'api'],
    ['GET /api', 'none'],
    ['GET /api/', 'api'],
    ['GET /users/7/a/b', 'user 7'],
    ['GET /users/7', 'none'],
    ['DELETE /v1/things', 'only POST,GET'],
    ['__proto__ /v1/things', 'only POST,GET'],
    ['GET /constructor', 'none'],
  ] as const) {
    test(`${request} goes to ${wanted}`, () => assert.equal(taken(routes, request), wanted));
  }

  test('a narrower route that does not take the method leaves the request to the next one', () => {
    assert.equal(taken(routes, 'GET /api/deep/x'), 'api');
    const ones = [
      { name: 'literal', path: '/a/b', methods: ['POST'] },
      { name: 'parameter', path: '/a/:x', methods: ['PUT'] },
      { name: 'rest', path: '/*', methods: ['GET'] },
    ];
    assert.equal(taken(ones, 'POST /a/b'), 'literal');
    assert.equal(taken(ones, 'PUT /a/b'), 'parameter b');
    assert.equal(taken(ones, 'GET /a/b'), 'rest');
    assert.equal(taken(ones, 'DELETE /a/b'), 'only POST,PUT,GET');
  });

  test('a path is compared segment by segment from the left', () => {
    const ones = [
      { name: 'left', path: '/:x/b' },
      { name: 'right', path: '/a/:y' },
      { name: 'rest', path: '/a/*' },
    ];
    assert.equal(taken(ones, 'GET /a/b'), 'right b');
    assert.equal(taken(ones, 'GET /a/b/c'), 'rest');
    assert.equal(taken(ones, 'GET /z/b'), 'left z');
  });

  test('a search that fails below a literal goes on at the parameter beside it', () => {
    const ones = [
      { name: 'literal', path: '/a/b/c' },
      { name: 'inner', path: '/:x/b/:y/d' },
      { name: 'below', path: '/a/b/:z/e' },
    ];
    assert.equal(taken(ones, 'GET /a/b/c'), 'literal');
    assert.equal(taken(ones, 'GET /a/b/c/d'), 'inner a c');
    assert.equal(taken(ones, 'GET /a/b/c/e'), 'below c');
  });
});

describe('hosts', () => {
  const routes = [
    { name: 'shop', host: 'shop.example', path: '/*' },
    { name: 'any api', path: '/api' },
    { name: 'tenant', host: ['*.example', '*.Example.net'], path: '/*' },
    { name: 'post', host: 'post.example', path: '/*', methods: ['POST'] },
    { name: 'address', host: '[::1]', path: '/*' },
    { name: 'other', path: '/*' },
  ];
  for (const [request, wanted] of [
    ['GET //shop.example/api', 'shop'],
    ['GET //shop.example:8080/api', 'shop'],
    ['GET //a.example/api', 'tenant'],
    ['GET //a.example.net/x', 'tenant'],
    ['GET //a.b.example/api', 'any api'],
    ['GET //example/x', 'other'],
    ['GET //post.example/x', 'tenant'],
    ['POST //post.example/x', 'post'],
    ['GET //[::1]:8080/x', 'address'],
    ['GET /x', 'other'],
  ] as const) {
    test(`${request} goes to ${wanted}`, () => assert.equal(taken(routes, request), wanted));
  }
});

describe('header and query fields', () => {
  const routes = [
    { name: 'plain', path: '/x' },
    { name: 'beta', path: '/x', headers: { 'X-Version': 'beta' } },
    { name: 'both', path: '/x', headers: { 'x-version': 'beta' }, query: { debug: true as const } },
    { name: 'page', path: '/x', query: { page: '2' } },
  ];
  for (const [request, headers, wanted] of [
    ['GET /x', {}, 'plain'],
    ['GET /x', { 'x-version': 'beta' }, 'beta'],
    ['GET /x', { 'x-version': 'gamma' }, 'plain'],
    ['GET /x?debug', { 'x-version': 'beta' }, 'both'],
    ['GET /x?a=1&debug=&b=2', { 'x-version': 'beta' }, 'both'],
    ['GET /x?page=2', {}, 'page'],
    ['GET /x?page=%32', {}, 'page'],
    ['GET /x?page=22', {}, 'plain'],
    ['GET /x?page=1&page=2', {}, 'plain'],
    ['GET /x?%70age=2', {}, 'page'],
    ['GET /x?page=%zz', {}, 'plain'],
  ] as const) {
    test(`${request} with ${JSON.stringify(headers)} goes to ${wanted}`, () =>
      assert.equal(taken(routes, request, headers), wanted));
  }
});

test('the reason against each other route is one sentence', () => {
  const [rule] = rules([{ name: 'r', host: '*.a.example', path: '/x/:id', methods: ['GET'], query: { v: '1' } }]);
  assert.ok(rule !== undefined);
  const against = (text: string): string | undefined => reasonAgainst(rule, requestOf(text));
  assert.equal(against('GET //b.example/x/1?v=1'), 'its host is *.a.example');
  assert.equal(against('GET //s.a.example/y?v=1'), 'its path is /x/:id');
  assert.equal(against('GET //s.a.example/x/1'), 'it needs query v = 1');
  assert.equal(against('POST //s.a.example/x/1?v=1'), 'it takes GET');
  assert.equal(against('HEAD //s.a.example/x/1?v=1'), undefined);
});

describe('overlaps', () => {
  const pairs = (find: typeof hiddenRules, routes: readonly Rules[]): string[] =>
    find(rules(routes)).map(({ first, second, path }) => `${first.target} before ${second.target} at ${path}`);

  test('a route behind one with the same paths, methods and conditions is hidden', () => {
    assert.deepEqual(
      pairs(hiddenRules, [
        { name: 'first', path: '/a/:x' },
        { name: 'second', path: '/a/:y', methods: ['GET'] },
        { name: 'third', path: '/a/:z' },
      ]),
      ['first before third at /a/x'],
    );
    assert.deepEqual(
      pairs(hiddenRules, [
        { name: 'a', path: '/a', methods: ['GET'] },
        { name: 'b', path: '/a', methods: ['HEAD'] },
      ]),
      ['a before b at /a'],
    );
    assert.deepEqual(
      pairs(hiddenRules, [
        { name: 'a', host: 'a.example', path: '/a' },
        { name: 'b', path: '/a' },
      ]),
      [],
    );
    assert.deepEqual(
      pairs(hiddenRules, [
        { name: 'a', path: '/a', headers: { x: '1' } },
        { name: 'b', path: '/a' },
      ]),
      [],
    );
  });

  test('routes whose paths cross, or whose conditions differ, share requests', () => {
    assert.deepEqual(
      pairs(sharedRules, [
        { name: 'left', path: '/:x/b' },
        { name: 'right', path: '/a/:y' },
      ]),
      ['right before left at /a/b'],
    );
    assert.deepEqual(
      pairs(sharedRules, [
        { name: 'h', path: '/a', headers: { x: '1' } },
        { name: 'q', path: '/a', query: { y: '1' } },
      ]),
      ['h before q at /a'],
    );
    for (const ordered of [
      [
        { name: 'wide', path: '/*' },
        { name: 'narrow', path: '/a/:x' },
      ],
      [
        { name: 'one', path: '/a', headers: { x: '1' } },
        { name: 'two', path: '/a', headers: { x: '2' } },
      ],
      [
        { name: 'get', path: '/:x/b', methods: ['GET'] },
        { name: 'post', path: '/a/:y', methods: ['POST'] },
      ],
      [
        { name: 'any', path: '/a', headers: { x: true as const } },
        { name: 'value', path: '/a', headers: { x: '2' } },
      ],
    ])
      assert.deepEqual(pairs(sharedRules, ordered), []);
  });
});

test('the tree finds what a search through all rules in order finds', () => {
  const segment = fc.constantFrom('a', 'b', ':x', ':y', '');
  const path = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(
      ([parts, isPrefix]) =>
        `/${parts.map((part, index) => (part.startsWith(':') ? `:p${index}` : part)).join('/')}${isPrefix ? '/*' : ''}`,
    );
  const route = fc.record({
    host: fc.constantFrom(undefined, 'a.example', '*.example'),
    path,
    methods: fc.constantFrom(undefined, ['GET'], ['POST']),
    headers: fc.constantFrom({}, { h: '1' }, { h: true as const }),
  });
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST'),
    host: fc.constantFrom('a.example', 'b.example', 'c.d.example'),
    path: fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 4 })
      .map((parts) => `/${parts.join('/')}`),
    header: fc.constantFrom(undefined, '1', '2'),
  });
  fc.assert(
    fc.property(fc.array(route, { maxLength: 12 }), request, (routes, { method, host, path: asked, header }) => {
      const all = routes.flatMap((one, index) => rulesOf(one, index));
      const routed: RoutedRequest = { method, host, path: asked, query: '', scheme: 'http', headerOf: () => header };
      const found = new RouteMatcher(all).match(routed);
      const wanted = all.toSorted(compareRules).find((rule) => reasonAgainst(rule, routed) === undefined);
      assert.equal('rule' in found ? found.rule.target : undefined, wanted?.target);
    }),
    { numRuns: 2000 },
  );
});
