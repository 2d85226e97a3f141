import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configChanges, guardProblems } from '../../../src/config/changes.ts';
import type { ParsedConfigFile } from '../../../src/config/file-schema.ts';
import { HIDDEN, hiddenAt, withHiddenValues } from '../../../src/config/redaction.ts';

const backends = (...ports: number[]): string[] => ports.map((port) => `http://127.0.0.1:${port}`);
const withUpstream = (app: object): ParsedConfigFile => ({ upstreams: { app } }) as ParsedConfigFile;

/** The changes as `class text`. */
const texts = (before: ParsedConfigFile, after: ParsedConfigFile): string[] =>
  configChanges(before, after).map((change) => `${change.class} ${change.text}`);

describe('configChanges', () => {
  test('names backends one by one, and settings by their path', () => {
    assert.deepEqual(
      texts(
        withUpstream({ backends: backends(1, 2), cap: 8, health: { path: '/a', rise: 1 } }),
        withUpstream({ backends: backends(2, 3), health: { path: '/b', rise: 1 } }),
      ),
      [
        'live upstream app: backend http://127.0.0.1:3 is added',
        'drains upstream app: backend http://127.0.0.1:1 is removed; its requests in flight end first',
        'live upstreams.app.cap is no longer set: it was 8',
        'live upstreams.app.health.path changes from "/a" to "/b"',
      ],
    );
  });

  test('a route that only moves in the list has not changed', () => {
    const [one, two] = [
      { endpoint: 'one', path: '/1' },
      { endpoint: 'two', path: '/2' },
    ];
    const routes = (...all: object[]) => ({ routes: all }) as ParsedConfigFile;
    assert.deepEqual(texts(routes(one, two), routes(two, one)), []);
    assert.deepEqual(texts(routes(one), routes({ ...one, path: '/3' }, two)), [
      'live routes.one.path changes from "/1" to "/3"',
      'live route two is added',
    ]);
    assert.deepEqual(texts(routes(one), {}), ['drains route one is removed; its requests in flight end first']);
  });

  test('the TLS listener needs a restart, its certificates do not', () => {
    const certificates = [{ certFile: 'c', keyFile: 'k' }];
    assert.deepEqual(texts({}, { tls: { certificates, minVersion: 'TLSv1.3' } }), [
      'live tls.certificates is set to [{"certFile":"c","keyFile":"k"}]',
      'restart tls.minVersion is set to "TLSv1.3"',
    ]);
    assert.match(texts({ tls: { certificates } }, {}).join(), /^live tls\.certificates is no longer set/);
  });
});

describe('guardProblems', () => {
  for (const [what, before, after, isHeld] of [
    ['half of the backends', [1, 2], [1], false],
    ['more than half', [1, 2, 3], [1], true],
    ['the last one', [1], [2], true],
    ['none', [1], [1, 2], false],
  ] as const) {
    test(`${what} may${isHeld ? ' not' : ''} go`, () => {
      const problems = guardProblems(
        withUpstream({ backends: backends(...before) }),
        withUpstream({ backends: backends(...after) }),
      );
      assert.equal(problems.length, isHeld ? 1 : 0, problems.join());
    });
  }

  test('a whole upstream, and backends that are drained, count', () => {
    const before = withUpstream({ backends: backends(1, 2) });
    assert.deepEqual(guardProblems(before, {}), ['upstream app is removed with its 2 of 2 backends']);
    const drained = withUpstream({ backends: backends(1, 2), drained: backends(1, 2) });
    assert.deepEqual(guardProblems(before, drained), ['upstream app loses 2 of 2 backends']);
  });
});

describe('redaction', () => {
  const route = {
    endpoint: 'a',
    secret: ['token'],
    basic: { users: { me: 'scrypt$1' } },
    request: { set: { authorization: 'Bearer x', accept: 'y' } },
  };
  const file = { routes: [{ endpoint: 'b' }, route] };

  test('hides credentials, and shows which path parameters are secret', () => {
    assert.deepEqual(hiddenAt('', file), {
      routes: [
        { endpoint: 'b' },
        {
          endpoint: 'a',
          secret: ['token'],
          basic: { users: { me: HIDDEN } },
          request: { set: { authorization: HIDDEN, accept: 'y' } },
        },
      ],
    });
    assert.equal(hiddenAt('x', 'http://me:word@host/'), 'http://***@host/');
  });

  test('what was hidden comes back unchanged, though the route has moved', () => {
    const [first, second] = (hiddenAt('', file) as { routes: unknown[] }).routes;
    assert.deepEqual(withHiddenValues({ routes: [second, first] }, file), { routes: [route, { endpoint: 'b' }] });
    assert.deepEqual(withHiddenValues({ routes: [{ endpoint: 'c', key: HIDDEN }] }, {}), {
      routes: [{ endpoint: 'c', key: undefined }],
    });
  });
});
