import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHttpDate, parseHttpDate } from '../../../src/core/http-date.ts';

const NOW = Date.UTC(2026, 10, 26);

test('parseHttpDate takes the three forms of RFC 9110 §5.6.7', () => {
  const expected = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    ' Sun, 06 Nov 1994 08:49:37 GMT ',
  ])
    assert.equal(parseHttpDate(text, NOW), expected, text);
  assert.equal(parseHttpDate(formatHttpDate(NOW), NOW), NOW);
});

test('parseHttpDate takes a year of two digits for the past when it would lie more than 50 years ahead', () => {
  assert.equal(parseHttpDate('Friday, 26-Nov-76 00:00:00 GMT', NOW), Date.UTC(2076, 10, 26));
  assert.equal(parseHttpDate('Friday, 26-Nov-77 00:00:00 GMT', NOW), Date.UTC(1977, 10, 26));
});

test('II.8: parseHttpDate takes nothing looser', () => {
  for (const text of [
    'Thu, 18 Aug 2050 02:01:18 UTC',
    'Thu 18 Aug 2050 02:01:18 GMT',
    'Thu, 18  Aug  2050 02:01:18 GMT',
    'Thu, 18-Aug-2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 2:01:18 GMT',
    'Thu, 18 aug 2050 02:01:18 GMT',
    'Thu, 31 Feb 2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 24:01:18 GMT',
    'Thu, 18 Aug 50 02:01:18 GMT',
    '2050-08-18T02:01:18Z',
    '0',
    '',
  ])
    assert.equal(parseHttpDate(text, NOW), undefined, text);
});
