import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Box, crosses, placeLabels, textWidth } from '../../../../src/lab/report/label-placement.ts';

const bounds: Box = { x: 0, y: 0, width: 100, height: 100 };
const free = { lines: [], dots: [], bounds };
const wish = (text: string, ...spots: readonly (readonly [number, number])[]) => ({
  text,
  width: 20,
  height: 10,
  spots: spots.map(([x, y]) => ({ x, y })),
});

test('placeLabels takes the first spot that is free', () => {
  const [label] = placeLabels([wish('a', [10, 10], [50, 50])], free);
  assert.deepEqual(label, { text: 'a', x: 10, y: 10, width: 20, height: 10 });
});

test('placeLabels moves a label from a line and from a dot', () => {
  const line = [
    { x: 0, y: 15 },
    { x: 100, y: 15 },
  ] as const;
  assert.equal(placeLabels([wish('a', [10, 10], [10, 40])], { ...free, lines: [line] })[0]?.y, 40);
  assert.equal(placeLabels([wish('a', [10, 10], [10, 40])], { ...free, dots: [{ x: 15, y: 12 }] })[0]?.y, 40);
});

test('placeLabels keeps labels apart, and leaves out one for which there is no room', () => {
  const placed = placeLabels([wish('a', [10, 10]), wish('b', [20, 12], [10, 30]), wish('c', [12, 12])], free);
  assert.deepEqual(
    placed.map(({ text, x, y }) => [text, x, y]),
    [
      ['a', 10, 10],
      ['b', 10, 30],
    ],
  );
  assert.deepEqual(placeLabels([wish('outside', [90, 10], [10, 95])], free), []);
});

test('placeLabels puts a label over a line rather than leave it out', () => {
  const lines = [5, 45].map(
    (y) =>
      [
        { x: 0, y },
        { x: 100, y },
      ] as const,
  );
  assert.equal(placeLabels([wish('a', [10, 0], [10, 40])], { ...free, lines }).length, 1);
});

test('crosses sees a line through a box, and none beside it', () => {
  const box = { x: 10, y: 10, width: 10, height: 10 };
  const from = (x1: number, y1: number, x2: number, y2: number) =>
    crosses(
      [
        { x: x1, y: y1 },
        { x: x2, y: y2 },
      ],
      box,
    );
  assert.deepEqual(
    [
      from(0, 0, 30, 30),
      from(15, 0, 15, 30),
      from(12, 12, 14, 14),
      from(0, 0, 9, 9),
      from(0, 25, 30, 25),
      from(0, 12, 12, 0),
    ],
    [true, true, true, false, false, false],
  );
});

test('labels never overlap each other nor leave their bounds, whatever is wished for', () => {
  const spot = fc.record({ x: fc.integer({ min: -20, max: 120 }), y: fc.integer({ min: -20, max: 120 }) });
  const wishes = fc.array(
    fc.record({
      text: fc.string(),
      width: fc.integer({ min: 1, max: 60 }),
      height: fc.integer({ min: 1, max: 30 }),
      spots: fc.array(spot, { maxLength: 6 }),
    }),
    { maxLength: 8 },
  );
  const lines = fc.array(fc.tuple(spot, spot), { maxLength: 5 });
  fc.assert(
    fc.property(wishes, lines, fc.array(spot, { maxLength: 5 }), (wanted, segments, dots) => {
      const placed = placeLabels(wanted, { lines: segments, dots, bounds });
      for (const [index, a] of placed.entries()) {
        assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= 100 && a.y + a.height <= 100);
        for (const b of placed.slice(index + 1)) {
          const isApart =
            a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;
          assert.ok(isApart);
        }
      }
    }),
  );
});

test('textWidth counts wide characters as wide', () => {
  assert.ok(textWidth('条形码', 10) > textWidth('abc', 10));
});
