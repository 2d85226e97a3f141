import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Discovered, type FoundBackend, MOST_BACKENDS } from '../../../../src/policy/membership/discovered.ts';

const at = (address: string, priority = 0, port = 80): FoundBackend => ({ address, port, priority });
const ids = (discovered: Discovered): string[] =>
  discovered.backends.map(({ id, isBackup }) => (isBackup === true ? `${id} backup` : id));

test('an answer adds at once, in any order and once each', () => {
  const discovered = new Discovered('http', []);
  assert.equal(discovered.answered([at('10.0.0.2'), at('10.0.0.1'), at('10.0.0.2')]), true);
  assert.deepEqual(ids(discovered), ['10.0.0.1:80', '10.0.0.2:80']);
  assert.equal(discovered.answered([at('10.0.0.1'), at('10.0.0.2')]), false);
  assert.deepEqual(discovered.backends[0], { id: '10.0.0.1:80', origin: 'http://10.0.0.1' });
});

test('a backend leaves when two answers in a row lack it', () => {
  const discovered = new Discovered('http', [{ id: '10.0.0.1:80', origin: 'http://10.0.0.1' }]);
  const other = [at('10.0.0.2')];
  assert.equal(discovered.answered(other), true);
  assert.deepEqual(ids(discovered), ['10.0.0.1:80', '10.0.0.2:80']);
  // One that flaps stays.
  assert.equal(discovered.answered([at('10.0.0.1')]), false);
  assert.equal(discovered.answered(other), false);
  assert.equal(discovered.answered(other), true);
  assert.deepEqual(ids(discovered), ['10.0.0.2:80']);
});

test('an empty answer changes nothing, however often it comes', () => {
  const discovered = new Discovered('http', []);
  discovered.answered([at('10.0.0.1')]);
  for (let round = 0; round < 5; round++) assert.equal(discovered.answered([]), false);
  assert.deepEqual(ids(discovered), ['10.0.0.1:80']);
});

test('of SRV records those beyond the lowest priority are backups, which may change', () => {
  const discovered = new Discovered('https', []);
  discovered.answered([at('10.0.0.1', 10, 443), at('10.0.0.2', 20, 8443)]);
  assert.deepEqual(ids(discovered), ['10.0.0.1:443', '10.0.0.2:8443 backup']);
  assert.equal(discovered.answered([at('10.0.0.1', 20, 443), at('10.0.0.2', 10, 8443)]), true);
  assert.deepEqual(ids(discovered), ['10.0.0.1:443 backup', '10.0.0.2:8443']);
  assert.deepEqual(
    discovered.backends.map(({ origin }) => origin),
    ['https://10.0.0.1', 'https://10.0.0.2:8443'],
  );
});

test('another scheme makes other origins of known backends', () => {
  const discovered = new Discovered('https', [
    { id: '10.0.0.1:8443', origin: 'http://10.0.0.1:8443' },
    { id: '10.0.0.2:8443', origin: 'http://10.0.0.2:8443', isBackup: true },
  ]);
  assert.equal(discovered.answered([at('10.0.0.1', 0, 8443), at('10.0.0.2', 1, 8443)]), true);
  assert.deepEqual(discovered.backends, [
    { id: '10.0.0.1:8443', origin: 'https://10.0.0.1:8443' },
    { id: '10.0.0.2:8443', origin: 'https://10.0.0.2:8443', isBackup: true },
  ]);
  assert.equal(discovered.answered([at('10.0.0.1', 0, 8443), at('10.0.0.2', 1, 8443)]), false);
});

test('addresses of version 6 are in brackets', () => {
  const discovered = new Discovered('http', []);
  discovered.answered([at('2001:db8::1', 0, 3000)]);
  assert.deepEqual(discovered.backends, [{ id: '[2001:db8::1]:3000', origin: 'http://[2001:db8::1]:3000' }]);
});

test('property: the list is bounded, sorted, without doubles, and never becomes empty', () => {
  const found = fc.record({
    address: fc.integer({ min: 0, max: 600 }).map((number) => `10.0.${number >> 8}.${number & 255}`),
    port: fc.constant(80),
    priority: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(fc.array(found, { maxLength: 400 }), { maxLength: 8 }), (answers) => {
      const discovered = new Discovered('http', []);
      let wasEmpty = true;
      for (const answer of answers) {
        const before = discovered.backends;
        const hasChanged = discovered.answered(answer);
        const after = discovered.backends;
        if (!hasChanged) assert.deepEqual(after, before);
        assert.ok(after.length <= MOST_BACKENDS);
        assert.equal(new Set(after.map(({ id }) => id)).size, after.length);
        if (!wasEmpty) assert.ok(after.length > 0);
        wasEmpty &&= after.length === 0;
      }
    }),
    { numRuns: 100 },
  );
});
