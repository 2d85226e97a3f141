import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergePatchOf, mergePatched } from '../../../src/core/merge-patch.ts';

test('mergePatchOf names only what differs, with null for what is gone', () => {
  assert.deepEqual(mergePatchOf({ a: 1, b: { c: 2, d: [1] }, e: 3 }, { a: 1, b: { c: 4, d: [1] } }), {
    b: { c: 4 },
    e: null,
  });
  assert.equal(mergePatchOf({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), undefined);
  assert.deepEqual(mergePatchOf({ a: [1] }, { a: [1, 2] }), { a: [1, 2] });
  assert.deepEqual(mergePatchOf({ a: 5 }, { a: null }), { a: null });
  assert.equal(mergePatchOf({}, { a: null }), undefined);
  assert.deepEqual(mergePatchOf({ a: null }, { a: 5 }), { a: 5 });
  assert.deepEqual(mergePatchOf({ a: { b: 1 } }, { a: 7 }), { a: 7 });
});

test('mergePatched leaves the value before as it was, and does what RFC 7396 has as examples', () => {
  const before = { a: 'b', c: { d: 'e', f: 'g' } };
  assert.deepEqual(mergePatched(before, { a: 'z', c: { f: null } }), { a: 'z', c: { d: 'e' } });
  assert.deepEqual(before, { a: 'b', c: { d: 'e', f: 'g' } });
  const examples: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [value, patch, after] of examples)
    assert.deepEqual(mergePatched(value, patch), after, JSON.stringify(patch));
});

const withoutNulls = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(
        Object.entries(value).flatMap(([name, inner]) => (inner === null ? [] : [[name, withoutNulls(inner)]])),
      );

test('the patch between any two objects, applied to the first, gives the second without its nulls', () => {
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, 0, 1, 'x', true),
      fc.array(fc.constantFrom(1, 2, null), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('json'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), json, { noNullPrototype: true });
  fc.assert(
    fc.property(object, object, (before, after) => {
      const known = withoutNulls(before);
      const patch = mergePatchOf(known, after);
      const result = patch === undefined ? known : mergePatched(known, patch);
      assert.deepEqual(result, withoutNulls(after));
    }),
  );
});
