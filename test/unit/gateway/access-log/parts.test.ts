import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonText } from '../../../../src/core/json-text.ts';
import { keptQuery } from '../../../../src/gateway/access-log/kept-query.ts';
import { redactionFor, redactionForUnmatched } from '../../../../src/gateway/access-log/path-redaction.ts';

test('jsonText makes one line of printable ASCII of any text, which says the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const latin1 = Buffer.from(text).toString('latin1');
      const written = jsonText(latin1, 10_000);
      assert.match(written, /^[ -~]*$/);
      const isUtf8 = !text.includes('\uFFFD') && Buffer.from(text).toString() === text;
      if (isUtf8) assert.equal(JSON.parse(written), text);
    }),
  );
});

test('jsonText bounds what it writes, and cuts no escape in two', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(50), (text, max) => {
      const written = jsonText(text, max);
      assert.ok(written.length <= max + 8, written);
      assert.doesNotThrow(() => JSON.parse(written));
    }),
  );
});

test('jsonText escapes what would break the line or the terminal', () => {
  assert.equal(jsonText('a"\\\r\n\u001b[2J\u2028', 100), '"a\\"\\\\\\r\\n\\u001b[2J\\u2028"');
});

test('keptQuery keeps the named parameters only', () => {
  const names = new Set(['page', 'sort']);
  assert.equal(keptQuery('?token=x&page=2&sort&page=3&pages=1', names), 'page=2&sort&page=3');
  assert.equal(keptQuery('?token=x', new Set()), '');
  assert.equal(keptQuery('', names), '');
});

test('redactionFor replaces the segments of secret parameters', () => {
  const redact = redactionFor({ template: '/reset/{token}/mail/{id}', secret: ['token'] });
  assert.equal(redact?.('/reset/c4n4ry/mail/7'), '/reset/[redacted]/mail/7');
  assert.equal(redactionFor({ template: '/a/:id/:token', secret: ['token'] })?.('/a/7/c4n4ry'), '/a/7/[redacted]');
  assert.equal(redactionFor({ template: '/reset/{token}', secret: [] }), undefined);
  assert.equal(redactionFor({ template: '/files/*', secret: ['token'] }), undefined);
});

test('redactionForUnmatched hides what may be a mistyped path with a secret', () => {
  const redact = redactionForUnmatched([{ template: '/reset/{token}/mail', secret: ['token'] }]);
  assert.equal(redact?.('/reset/c4n4ry/mial'), '/reset/[redacted]');
  assert.equal(redact?.('/RESET/c4n4ry/mail'), '/RESET/[redacted]');
  assert.equal(redact?.('/r%65set/c4n4ry/mail'), '[redacted]');
  assert.equal(redact?.('//reset/c4n4ry'), '[redacted]');
  assert.equal(redact?.('/other'), '/other');
  const colon = redactionForUnmatched([{ template: '/a:b/:token', secret: ['token'] }]);
  assert.equal(colon?.('/a:b/c4n4ry/x'), '/a:b/[redacted]');
  assert.equal(redactionForUnmatched([{ template: '/a/{id}', secret: [] }]), undefined);
});
