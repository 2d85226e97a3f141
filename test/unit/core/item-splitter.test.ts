import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ArraySplitter, type ItemSplitter, LineSplitter, MalformedList } from '../../../src/core/item-splitter.ts';

const LIMIT = 20;

function split(splitter: ItemSplitter, ...chunks: string[]): (string | undefined)[] {
  const items = [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.end()];
  return items.map((item) => item?.toString());
}
const lines = (...chunks: string[]) => split(new LineSplitter(LIMIT), ...chunks);
const array = (...chunks: string[]) => split(new ArraySplitter(LIMIT), ...chunks);

describe('LineSplitter', () => {
  test('one item a line, wherever the chunks end, with or without an end of the last line', () => {
    assert.deepEqual(lines('a\nb\n'), ['a', 'b']);
    assert.deepEqual(lines('a\nb'), ['a', 'b']);
    assert.deepEqual(lines('a', 'a\n', '\nb', 'c\n'), ['aa', '', 'bc']);
    assert.deepEqual(lines(''), []);
  });

  test('a line beyond the limit is undefined, and the next one is read', () => {
    assert.deepEqual(lines('x'.repeat(LIMIT), '\n', 'y'.repeat(LIMIT + 1), '\nz'), ['x'.repeat(LIMIT), undefined, 'z']);
  });
});

describe('ArraySplitter', () => {
  test('elements end at commas and brackets of the array alone', () => {
    assert.deepEqual(array('[{"a":[1,2]},"],",3]'), ['{"a":[1,2]}', '"],"', '3']);
    assert.deepEqual(array(' [ ', '1 , ', ' 2', ' ] \n'), ['1 ', '  2 ']);
    assert.deepEqual(array('["\\"",{"b":"\\\\"}]'), ['"\\""', '{"b":"\\\\"}']);
    assert.deepEqual(array('[]'), []);
  });

  test('an element beyond the limit is undefined, and the next one is read', () => {
    assert.deepEqual(array(`["${'x'.repeat(LIMIT)}",`, '1]'), [undefined, '1']);
  });

  test('what is no array is refused', () => {
    for (const text of ['', '[', '[1', '{"a":1}', '[1]]', '[1] x', '[,1]', 'null'])
      assert.throws(() => array(text), MalformedList, text);
  });

  test('an empty element is an item of its own, which is no JSON', () => {
    assert.deepEqual(array('[1,]'), ['1', '']);
  });

  test('any array, cut anywhere, gives back its elements', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat({ max: 30 })), fc.boolean(), (values, cuts, isWide) => {
        const bytes = Buffer.from(JSON.stringify(values, null, isWide ? 2 : undefined));
        const splitter = new ArraySplitter(1_000_000);
        const items = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          items.push(...splitter.push(bytes.subarray(at, at + cut)));
          at = Math.min(bytes.length, at + cut);
        }
        items.push(...splitter.end());
        assert.deepEqual(
          items.map((item) => JSON.parse(String(item)) as unknown),
          JSON.parse(JSON.stringify(values)),
        );
      }),
    );
  });
});
