import assert from 'node:assert/strict';
import { test } from 'node:test';
import CachePolicy from 'http-cache-semantics';
import fc from 'fast-check';
import { formatHttpDate } from '../../../src/core/http-date.ts';
import { type CacheRules, judgeReply, validates } from '../../../src/policy/cache/storing.ts';

const arrivedAt = Date.UTC(2026, 0, 1);

/** The library with its clock stopped at the arrival of the reply. */
class Oracle extends CachePolicy {
  now(): number {
    return arrivedAt;
  }
}

const seconds = fc.integer({ min: 0, max: 5000 });
const directive = fc.oneof(
  fc.constantFrom('public', 'no-store', 'no-cache', 'must-revalidate', 'proxy-revalidate', 'immutable'),
  seconds.map((value) => `max-age=${value}`),
  seconds.map((value) => `s-maxage=${value}`),
);
const date = fc.integer({ min: -5000, max: 5000 }).map((offset) => formatHttpDate(arrivedAt + offset * 1000));
const cacheControl = fc
  .uniqueArray(directive, { maxLength: 3, selector: (text) => text.split('=')[0] })
  .map((texts) => texts.join(', '));
const headers = fc.record(
  { 'cache-control': cacheControl, date, expires: fc.oneof(date, fc.constant('0')), age: seconds.map(String) },
  { requiredKeys: [] },
);
const status = fc.constantFrom(200, 201, 203, 204, 300, 301, 302, 303, 307, 308, 400, 404, 405, 410, 414, 500, 501);
const rules: CacheRules = {
  ttlSeconds: undefined,
  negativeTtlSeconds: undefined,
  staleWhileRevalidateSeconds: 1,
  staleIfErrorSeconds: 1,
  public: false,
};

test('judgeReply keeps what http-cache-semantics finds storable, for as long as that says', () => {
  fc.assert(
    fc.property(status, headers, fc.boolean(), (code, fields, isAuthorised) => {
      const request = { method: 'GET', headers: isAuthorised ? { authorization: 'x' } : {} };
      const reply = { status: code, headers: fields as Record<string, string> };
      const options = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 };
      const oracle = new Oracle(request, reply, options);
      // With a validator whatever may be stored is stored.
      const head = { status: code, headers: { ...reply.headers, etag: '"x"', 'content-length': '1' } };
      const verdict = judgeReply(head, isAuthorised, rules, arrivedAt);
      assert.equal(verdict.store, oracle.storable());
      if (!verdict.store) return;
      assert.equal(verdict.lifetime.freshMs, Math.max(0, oracle.maxAge()) * 1000);
      // The library leaves out that a date has whole seconds, and does not take the age from the date.
      assert.ok(verdict.lifetime.ageMs >= oracle.age() * 1000);
    }),
    { numRuns: 5000 },
  );
});

const tag = fc.constantFrom('"a"', 'W/"a"', '"b"', 'W/"b"');
const validators = fc.record({ etag: tag, 'last-modified': fc.constantFrom('then', 'now') }, { requiredKeys: [] });

test('validates agrees with http-cache-semantics wherever the 304 has a validator', () => {
  fc.assert(
    fc.property(validators, validators, (stored, fresh) => {
      if (Object.keys(fresh).length === 0) return;
      const request = { method: 'GET', headers: {} };
      const headersOf = (fields: object): Record<string, string> => ({ ...fields });
      const oracle = new Oracle(request, { status: 200, headers: headersOf(stored) }, { shared: true });
      const { matches } = oracle.revalidatedPolicy(request, { status: 304, headers: headersOf(fresh) });
      const ours = validates({ status: 200, headers: headersOf(stored) }, { status: 304, headers: headersOf(fresh) });
      assert.equal(ours, Boolean(matches));
    }),
    { numRuns: 1000 },
  );
});
