import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pathForm } from '../../../../src/gateway/http/path-form.ts';
import { matchesPath, reasonAgainst, RouteMatcher } from '../../../../src/policy/routing/route-matcher.ts';
import { pathPattern, pathSegments } from '../../../../src/policy/routing/path-pattern.ts';
import { pathRewrite } from '../../../../src/policy/routing/path-rewrite.ts';
import { redirectTarget } from '../../../../src/policy/routing/redirect-target.ts';
import { rulesOf } from '../../../../src/config/route-rules.ts';

const nothing = { stripPrefix: undefined, addPrefix: undefined, path: undefined };

/** The path as a route with this pattern rewrites it. */
function rewritten(pattern: string, change: object, path: string): string {
  const rewrite = pathRewrite({ ...nothing, ...change }, pathPattern(pattern));
  assert.ok(rewrite !== undefined);
  return rewrite(path, valuesOf(pattern, path));
}

function valuesOf(pattern: string, path: string): readonly string[] {
  const found = new RouteMatcher(rulesOf({ path: pattern }, 0)).match({
    method: 'GET',
    host: '',
    path,
    query: '',
    scheme: 'http',
    headerOf: () => undefined,
  });
  assert.ok('rule' in found, `${pattern} does not match ${path}`);
  return found.values;
}

describe('a rewritten path', () => {
  for (const [pattern, change, path, wanted] of [
    ['/shop/*', { stripPrefix: '/shop' }, '/shop/a/b', '/a/b'],
    ['/shop/*', { stripPrefix: '/shop' }, '/shop/', '/'],
    ['/shop', { stripPrefix: '/shop' }, '/shop', '/'],
    ['/shop/*', { stripPrefix: '/shop' }, '/shop//evil.example/x', '/evil.example/x'],
    ['/*', { addPrefix: '/v2' }, '/a', '/v2/a'],
    ['/shop/*', { stripPrefix: '/shop', addPrefix: '/v2' }, '/shop/a', '/v2/a'],
    ['/u/:id/*', { path: '/users/:id/files/*' }, '/u/7/a/b', '/users/7/files/a/b'],
    ['/u/:id/*', { path: '/users/:id' }, '/u/7/a/b', '/users/7'],
    ['/:a/:b', { path: '/:b/x/:a' }, '/1/2%2F3', '/2%2F3/x/1'],
    ['/old/*', { path: '/*' }, '/old//evil.example', '/evil.example'],
    ['/old/*', { path: '/' }, '/old/x', '/'],
  ] as const) {
    test(`${path} of ${pattern} with ${JSON.stringify(change)} is ${wanted}`, () => {
      assert.equal(rewritten(pattern, change, path), wanted);
    });
  }

  test('is the path as it is if the prefixes are empty', () => {
    for (const change of [{ stripPrefix: '/' }, { addPrefix: '/' }, {}])
      assert.equal(pathRewrite({ ...nothing, ...change }, pathPattern('/*')), undefined);
  });

  test('is never one that the gateway would refuse, or one that begins with two slashes', () => {
    const segment = fc.constantFrom('a', 'b%20c', '%2Fx', ';v', '', 'evil.example', '%61', 'é'.normalize('NFC'));
    const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/p/q/${parts.join('/')}`);
    const change = fc.constantFrom(
      { stripPrefix: '/p' },
      { stripPrefix: '/p/q' },
      { stripPrefix: '/p', addPrefix: '/n' },
      { path: '/*' },
      { path: '/:one/*' },
      { path: '/fixed/:one' },
    );
    fc.assert(
      fc.property(path, change, (received, how) => {
        fc.pre(matchesPath(pathPattern('/p/:one/*'), pathSegments(received)));
        const made = rewritten('/p/:one/*', how, received);
        const [before, after] = [pathForm(received), pathForm(made)];
        assert.ok(after !== 'refused' || before === 'refused', made);
        assert.ok(after === 'plain' || before !== 'plain', made);
        assert.ok(made.startsWith('/') && !made.startsWith('//'), made);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a redirect', () => {
  const none = { to: undefined, scheme: undefined, port: undefined, trailingSlash: undefined };
  for (const [pattern, rule, path, wanted] of [
    ['/*', { scheme: 'https' }, '/a', 'https://shop.example/a?q=1'],
    ['/*', { scheme: 'https', port: 8443 }, '/a', 'https://shop.example:8443/a?q=1'],
    ['/docs', { trailingSlash: 'add' }, '/docs', '/docs/?q=1'],
    ['/*', { trailingSlash: 'remove' }, '/a/b/', '/a/b?q=1'],
    ['/old/*', { to: '/new/*' }, '/old/a/b', '/new/a/b?q=1'],
    ['/u/:id', { to: 'https://new.example/users/:id?from=old' }, '/u/7', 'https://new.example/users/7?from=old'],
    ['/x', { to: 'https://new.example/' }, '/x', 'https://new.example/?q=1'],
  ] as const) {
    test(`of ${path} by ${JSON.stringify(rule)} goes to ${wanted}`, () => {
      const target = redirectTarget({ ...none, ...rule }, pathPattern(pattern));
      assert.equal(target({ hostName: 'shop.example', path, query: '?q=1', values: valuesOf(pattern, path) }), wanted);
    });
  }

  test('by slash or scheme takes only requests that it changes', () => {
    const asked = (path: string, scheme: 'http' | 'https') => ({
      method: 'GET',
      host: '',
      path,
      query: '',
      scheme,
      headerOf: () => undefined,
    });
    const takes = (redirect: object, path: string, scheme: 'http' | 'https' = 'http'): boolean =>
      rulesOf({ path: '/*', redirect }, 0).every((rule) => reasonAgainst(rule, asked(path, scheme)) === undefined);
    assert.deepEqual([takes({ scheme: 'https' }, '/a'), takes({ scheme: 'https' }, '/a', 'https')], [true, false]);
    assert.deepEqual([takes({ trailingSlash: 'add' }, '/a'), takes({ trailingSlash: 'add' }, '/a/')], [true, false]);
    assert.deepEqual(
      [takes({ trailingSlash: 'remove' }, '/a/'), takes({ trailingSlash: 'remove' }, '/a')],
      [true, false],
    );
    assert.equal(takes({ trailingSlash: 'remove' }, '/'), false);
  });
});
