import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseGroups } from '../../../src/policy/cache/groups.ts';

describe('parseGroups', () => {
  test('takes strings, in any number and case', () => {
    assert.deepEqual(parseGroups('"scripts", "Scripts" ,"a b"'), ['scripts', 'Scripts', 'a b']);
    assert.deepEqual(parseGroups(undefined), []);
    assert.deepEqual(parseGroups(''), []);
    assert.deepEqual(parseGroups('"x", "x"'), ['x']);
    const many = Array.from({ length: 40 }, (_, index) => `${index}`.padStart(40, 'g'));
    assert.deepEqual(parseGroups(many.map((group) => `"${group}"`).join(', ')), many);
  });

  test('undoes escapes, and finds commas and quotes within strings', () => {
    assert.deepEqual(parseGroups(String.raw`"a\"b,\\", "c,d"`), [String.raw`a"b,\ `.trim(), 'c,d']);
  });

  test('skips parameters and members that are no strings', () => {
    assert.deepEqual(parseGroups('"a";p="b, c";q, token, 12, "d";x=1, ("e" "f")'), ['a', 'd']);
  });

  test('reads what it can of an invalid list', () => {
    assert.deepEqual(parseGroups('"a",, "b'), ['a', 'b']);
    assert.deepEqual(parseGroups(String.raw`"a\ `.trim()), ['a\\']);
  });

  test('gives back every list of strings, and takes any text', () => {
    const group = fc.string({ unit: fc.constantFrom(...'abc ,;"\\()=') });
    fc.assert(
      fc.property(fc.uniqueArray(group), (groups) => {
        const field = groups.map((one) => `"${one.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(', ');
        assert.deepEqual(parseGroups(field), groups);
      }),
    );
    fc.assert(fc.property(fc.string(), (field) => void parseGroups(field)));
  });
});
