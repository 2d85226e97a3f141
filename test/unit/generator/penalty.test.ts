import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitLinesOf } from '../../../src/generator/qr/bit-lines.ts';
import { penaltyOf } from '../../../src/generator/qr/penalty.ts';

/** The rules of ISO/IEC 18004 §7.8.3.1, module by module, as the standard words them. */
function byTheStandard(modules: Uint8Array, size: number): number {
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= size || y >= size ? 0 : (modules[y * size + x] ?? 0);
  let sum = 0;
  for (let line = 0; line < size; line++) {
    for (const read of [(place: number) => at(place, line), (place: number) => at(line, place)]) {
      const text = Array.from({ length: size }, (_, place) => read(place)).join('');
      for (const [run] of text.matchAll(/0+|1+/g)) if (run.length >= 5) sum += run.length - 2;
      const margined = `0000${text}0000`;
      for (let from = 0; from + 11 <= margined.length; from++) {
        const window = margined.slice(from, from + 11);
        if (window === '00001011101' || window === '10111010000') sum += 40;
      }
    }
  }
  for (let y = 1; y < size; y++) {
    for (let x = 1; x < size; x++) {
      const dark = at(x, y) + at(x - 1, y) + at(x, y - 1) + at(x - 1, y - 1);
      if (dark === 0 || dark === 4) sum += 3;
    }
  }
  const dark = modules.reduce((count, module) => count + module, 0);
  return sum + Math.floor(Math.abs((dark * 20) / modules.length - 10)) * 10;
}

const size = fc.integer({ min: 1, max: 20 }).map((version) => 17 + version * 4);
/** Modules that tend to stay as they are, as random ones have few runs and no boxes. */
const symbol = fc.tuple(size, fc.infiniteStream(fc.nat(9))).map(([side, chances]) => {
  const modules = new Uint8Array(side * side);
  let module = 0;
  for (let place = 0; place < modules.length; place++) {
    if ((chances.next().value as number) < 3) module = 1 - module;
    modules[place] = module;
  }
  return { side, modules };
});

test('penaltyOf gives what the standard words, over one, two, three and four words a line', () => {
  fc.assert(
    fc.property(symbol, ({ side, modules }) => {
      assert.equal(penaltyOf(bitLinesOf(modules, side), Infinity), byTheStandard(modules, side));
    }),
    { numRuns: 150 },
  );
});

for (const [what, row] of [
  ['before a finder, over the end of a word', `${'1'.repeat(28)}00001011101`],
  ['after a finder, over the end of a word', `${'0'.repeat(26)}10111010000`],
  ['at the start of the line, with the margin', `1011101${'10'.repeat(17)}`],
  ['at the end of the line, with the margin', `${'01'.repeat(17)}1011101`],
] as const) {
  test(`penaltyOf finds four light modules ${what}`, () => {
    const side = 41;
    const modules = new Uint8Array(side * side);
    for (let place = 0; place < row.length; place++) modules[place] = Number(row[place]);
    assert.equal(penaltyOf(bitLinesOf(modules, side), Infinity), byTheStandard(modules, side));
  });
}

test('penaltyOf stops at its limit', () => {
  const light = bitLinesOf(new Uint8Array(21 * 21), 21);
  assert.equal(penaltyOf(light, 30), 38);
});
