import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryThreshold } from '../../../../src/policy/tls/expiry.ts';
import { ServerNames } from '../../../../src/policy/tls/server-names.ts';

test('ServerNames finds an exact name before a wildcard, which stands for one label', () => {
  const names = new ServerNames([
    [['*.example.com'], 'wildcard'],
    [['a.example.com', 'B.Example.com.'], 'exact'],
    [['a.example.com'], 'later'],
  ]);
  const cases: Record<string, string | undefined> = {
    'a.example.com': 'exact',
    'A.EXAMPLE.COM.': 'exact',
    'b.example.com': 'exact',
    'c.example.com': 'wildcard',
    'x.c.example.com': undefined,
    'example.com': undefined,
    '.example.com': undefined,
    '*.example.com': 'wildcard',
    '': undefined,
    constructor: undefined,
  };
  for (const [name, chosen] of Object.entries(cases)) assert.equal(names.find(name), chosen, name);
});

test('expiryThreshold names the smallest threshold that is reached', () => {
  const days = (count: number): number => count * 86_400_000;
  assert.equal(expiryThreshold(days(22), 0), undefined);
  assert.equal(expiryThreshold(days(21), 0), 21);
  assert.equal(expiryThreshold(days(6.9), 0), 7);
  assert.equal(expiryThreshold(days(0.5), 0), 1);
  assert.equal(expiryThreshold(days(1), days(2)), 0);
});
