import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseDirectives, secondsOf } from '../../../src/policy/cache/directives.ts';
import { type CacheRules, judgeReply, validates } from '../../../src/policy/cache/storing.ts';
import { ReplyJudge } from '../../../src/policy/cache/reply-judge.ts';
import { selection, varyNames } from '../../../src/policy/cache/vary.ts';

const rules: CacheRules = {
  ttlSeconds: 10,
  negativeTtlSeconds: 5,
  staleWhileRevalidateSeconds: 3,
  staleIfErrorSeconds: 4,
  public: false,
};
const arrivedAt = Date.UTC(2026, 0, 1);
const judge = (headers: Record<string, string | string[]>, more: { status?: number; credentials?: boolean } = {}) =>
  judgeReply(
    { status: more.status ?? 200, headers: { 'content-length': '1', ...headers } },
    more.credentials ?? false,
    rules,
    arrivedAt,
  );
const lifetime = (headers: Record<string, string | string[]>, status = 200) => {
  const verdict = judge(headers, { status });
  if (!verdict.store) return verdict.because;
  const { freshMs, ageMs, staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate } = verdict.lifetime;
  return [freshMs, ageMs, staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate];
};

describe('parseDirectives', () => {
  test('names in lower case, quotes taken off, commas within them kept', () => {
    assert.deepEqual(
      [...parseDirectives('Max-Age="60", No-Store , private="a, b",x=')],
      [
        ['max-age', '60'],
        ['no-store', true],
        ['private', 'a, b'],
        ['x', ''],
      ],
    );
    assert.deepEqual([...parseDirectives(',,  ="x", ok')], [['ok', true]]);
  });

  test('the smaller of two numbers counts, and an invalid number counts as 0', () => {
    assert.equal(secondsOf(parseDirectives('max-age=60, max-age=5, max-age=90'), 'max-age'), 5);
    assert.equal(secondsOf(parseDirectives('max-age=60, max-age=-1'), 'max-age'), 0);
    assert.equal(secondsOf(parseDirectives('max-age=1e9'), 'max-age'), 0);
    assert.equal(secondsOf(parseDirectives('max-age=99999999999999'), 'max-age'), 2_147_483_648);
    assert.equal(secondsOf(parseDirectives('public'), 'max-age'), undefined);
  });

  test('never throws, and never loses a directive that forbids', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('max-age=1', 'a="b, c"', 'x=y', '=', '"', ''));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 5 }),
        fc.constantFrom('no-store', 'PRIVATE', 'private="x"'),
        (before, forbids) => {
          parseDirectives(before.join(','));
          const names = parseDirectives([forbids, ...before].join(','));
          assert.ok(names.has('no-store') || names.has('private'));
        },
      ),
    );
  });
});

describe('judgeReply', () => {
  test('how long a reply is fresh, and how long stale is good', () => {
    assert.deepEqual(lifetime({}), [10_000, 0, 3000, 4000, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60' }), [60_000, 0, 3000, 4000, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60, s-maxage=20' }), [20_000, 0, 0, 0, true]);
    assert.deepEqual(lifetime({ 'cache-control': 's-maxage=20, stale-while-revalidate=9' }), [
      20_000,
      0,
      9000,
      0,
      true,
    ]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=1, stale-if-error=0' }), [1000, 0, 3000, 0, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60, must-revalidate' }), [60_000, 0, 0, 0, true]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60', age: '50' }), [60_000, 50_000, 3000, 4000, false]);
    assert.deepEqual(lifetime({ expires: 'Thu, 01 Jan 2026 00:00:30 GMT' }), [30_000, 0, 3000, 4000, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'no-cache', etag: '"a"' }), [0, 0, 0, 0, true]);
    assert.deepEqual(lifetime({}, 404), [5000, 0, 3000, 4000, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60' }, 404), [60_000, 0, 3000, 4000, false]);
    assert.deepEqual(lifetime({ 'cache-control': 'max-age=60' }, 302), [60_000, 0, 3000, 4000, false]);
  });

  test('a reply from a cache that sends no Age has the age of its Date, to the second', () => {
    const dated = (date: string, more: Record<string, string> = {}) =>
      lifetime({ 'cache-control': 'max-age=60', date, ...more });
    assert.deepEqual(dated('Wed, 31 Dec 2025 23:59:20 GMT'), [60_000, 39_000, 3000, 4000, false]);
    assert.deepEqual(dated('Wed, 31 Dec 2025 23:59:59 GMT'), [60_000, 0, 3000, 4000, false]);
    assert.deepEqual(dated('Thu, 01 Jan 2026 00:10:00 GMT'), [60_000, 0, 3000, 4000, false]);
    assert.deepEqual(dated('Wed, 31 Dec 2025 23:59:20 GMT', { age: '50' }), [60_000, 50_000, 3000, 4000, false]);
    assert.deepEqual(dated('yesterday'), [60_000, 0, 3000, 4000, false]);
  });

  test('no heuristics: a reply without a lifetime is not stored on a route without one', () => {
    const reply = { status: 200, headers: { 'content-length': '1', 'last-modified': 'Thu, 01 Jan 2015 00:00:00 GMT' } };
    const verdict = judgeReply(reply, false, { ...rules, ttlSeconds: undefined }, arrivedAt);
    // Kept for its validator alone, and fresh not for a moment.
    assert.deepEqual([verdict.store, verdict.share, verdict.store && verdict.lifetime.freshMs], [true, false, 0]);
  });

  test('replies that are not stored, and why', () => {
    assert.equal(lifetime({ 'cache-control': 'private=""' }), 'it is private');
    assert.equal(lifetime({ 'cache-control': ['public', 'PRIVATE'] }), 'it is private');
    assert.equal(lifetime({ 'cache-control': 'no-store' }), 'RFC 9111 §3 does not allow it');
    assert.equal(lifetime({ 'set-cookie': ['a', 'b'] }), 'it sets a cookie');
    assert.equal(lifetime({ vary: 'Cookie' }), 'it varies by what is personal, or by everything');
    assert.equal(lifetime({ 'content-range': 'bytes 0-1/2' }), 'it is a part');
    assert.equal(lifetime({ 'cache-control': 'no-cache' }), 'it is stale at once, and cannot be validated');
    assert.equal(lifetime({}, 206), 'RFC 9111 §3 does not allow it');
    const open = judgeReply({ status: 200, headers: {} }, false, rules, arrivedAt);
    assert.equal(!open.store && open.because, 'its length is not known');
    assert.equal(judge({}, { credentials: true }).store, false);
    assert.equal(judge({ 'cache-control': 'public' }, { credentials: true }).store, true);
  });

  test('never stores a reply that forbids it, whatever else the reply says', () => {
    const directive = fc.constantFrom(
      'public',
      'max-age=60',
      's-maxage=60',
      'immutable',
      'must-revalidate',
      'private="x"',
      'no-store',
    );
    fc.assert(
      fc.property(fc.array(directive, { maxLength: 6 }), fc.boolean(), (directives, credentials) => {
        const verdict = judge({ 'cache-control': directives.join(',') }, { credentials });
        if (directives.some((name) => name.startsWith('private') || name === 'no-store'))
          assert.equal(verdict.store, false);
        const allowed = directives.some((name) => /public|s-maxage|must-revalidate/.test(name));
        if (credentials && !allowed) assert.equal(verdict.store, false);
      }),
    );
  });
});

test('validates compares the validators that both have', () => {
  const stored = { status: 200, headers: { etag: '"a"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' } };
  const says = (headers: Record<string, string>) => validates(stored, { status: 304, headers });
  assert.deepEqual(
    [says({ etag: '"a"' }), says({ etag: '"b"' }), says({}), says({ etag: 'W/"a"' })],
    [true, false, true, true],
  );
});

describe('vary', () => {
  test('names', () => {
    assert.deepEqual(varyNames('Accept-Encoding, accept , Accept'), ['accept', 'accept-encoding']);
    assert.deepEqual([varyNames(undefined), varyNames(''), varyNames('a, *')], [[], [], 'never']);
  });

  test('C2: a selection takes time in proportion to its length, however much white space there is', () => {
    // In place of a time: as many steps as a quadratic pass would need for this take minutes.
    const value = `a${' '.repeat(2_000_000)}b,${' '.repeat(2_000_000)}c${'\t'.repeat(1_000_000)},`;
    assert.equal(
      selection(['accept-encoding'], ['accept-encoding'], () => value),
      `a${' '.repeat(2_000_000)}b,c,\n`,
    );
  });

  test('a selection tells absent from empty, and one field from the next', () => {
    const select = (lines: [string, string][]) =>
      selection(
        ['a', 'b'],
        lines.map(([name]) => name),
        (index) => lines[index]?.[1] ?? '',
      );
    assert.notEqual(select([]), select([['a', '']]));
    assert.notEqual(select([['a', 'x']]), select([['b', 'x']]));
    assert.equal(
      select([['a', 'x ,y']]),
      select([
        ['a', 'x'],
        ['a', ' y'],
      ]),
    );
  });
});

test('ReplyJudge gives the verdict of judgeReply for every reply, whatever came before', () => {
  // Mostly not there: of a reply that may not be kept anyway, nothing else tells.
  const value = (...texts: string[]) => fc.constantFrom(undefined, undefined, undefined, ...texts);
  const heads = fc.record({
    status: fc.constantFrom(200, 404, 500),
    headers: fc.record({
      'content-length': fc.constantFrom('1', '1', '1', undefined),
      'cache-control': fc.oneof(
        value('max-age=60', 'max-age=0', 'private'),
        fc.constant<string[]>(['max-age=5', 'public']),
      ),
      date: value('Wed, 31 Dec 2025 23:59:50 GMT', 'Thu, 01 Jan 2026 00:00:00 GMT'),
      'set-cookie': value('a=b'),
      'content-range': value('bytes 0-1/2'),
      vary: value('accept', '*'),
      expires: value('Thu, 01 Jan 2026 00:01:00 GMT'),
      age: value('7'),
      etag: value('"a"', '"b"'),
      'last-modified': value('Wed, 31 Dec 2025 00:00:00 GMT'),
      pragma: value('no-cache'),
      'transfer-encoding': value('chunked'),
    }),
  });
  type Head = { status: number; headers: Record<string, string | string[] | undefined> };
  // Of two that are alike but for one field: it must not take the one for the other.
  const pairs = fc.tuple(heads, heads, fc.nat({ max: 12 })).map(([one, other, at]): Head[] => {
    const [head, donor] = [one as Head, other as Head];
    const name = Object.keys(head.headers)[at];
    if (name === undefined) return [head, { ...head, status: donor.status }];
    return [head, { ...head, headers: { ...head.headers, [name]: donor.headers[name] } }];
  });
  fc.assert(
    fc.property(pairs, fc.boolean(), fc.boolean(), fc.nat({ max: 3000 }), ([one, other], first, then, laterMs) => {
      const replyJudge = new ReplyJudge(rules);
      const replies = [
        [one as Head, first, 0],
        [other as Head, first, 0],
        [other as Head, then, laterMs],
      ] as const;
      for (const [head, credentials, later] of replies) {
        const at = arrivedAt + later;
        const second = Math.floor(at / 1000) * 1000;
        assert.deepEqual(replyJudge.judge(head, credentials, at), judgeReply(head, credentials, rules, second));
      }
    }),
    { numRuns: 10_000 },
  );
});
