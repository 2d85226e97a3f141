import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsqrModule from 'jsqr';
import { codewordsOf, planFor } from '../../../src/generator/qr/codewords.ts';
import { QrEncoder, type QrSymbol } from '../../../src/generator/qr/encoder.ts';
import { ReedSolomon } from '../../../src/generator/qr/reed-solomon.ts';
import { segmentsOf } from '../../../src/generator/qr/segments.ts';

// A CommonJS module that says `default` of itself.
const jsqr = ('default' in jsqrModule ? jsqrModule.default : jsqrModule) as typeof jsqrModule.default;
const encoder = new QrEncoder();

// ISO/IEC 18004, table 7: characters that version 40 holds.
const capacities = [
  ['L', '1', 7089],
  ['M', '1', 5596],
  ['Q', '1', 3993],
  ['H', '1', 3057],
  ['L', 'A', 4296],
  ['H', 'A', 1852],
  ['L', 'a', 2953],
  ['M', 'a', 2331],
  ['Q', 'a', 1663],
  ['H', 'a', 1273],
] as const;

for (const [level, char, most] of capacities) {
  test(`QrEncoder fits ${most} times ${char} at level ${level} into version 40, and no more`, () => {
    assert.equal(encoder.encode(char.repeat(most), level)?.version, 40);
    assert.equal(encoder.encode(char.repeat(most + 1), level), undefined);
  });
}

test('QrEncoder takes the smallest version', () => {
  assert.equal(encoder.encode('HELLO WORLD', 'Q')?.version, 1);
  assert.equal(encoder.encode('a'.repeat(17), 'L')?.version, 1);
  assert.equal(encoder.encode('a'.repeat(18), 'L')?.version, 2);
  assert.equal(encoder.encode('é'.repeat(8), 'L')?.version, 1);
  assert.equal(encoder.encode('é'.repeat(9), 'L')?.version, 2);
});

test('codewordsOf gives the example of ISO/IEC 18004, annex I: "01234567" as version 1, level M', () => {
  const plan = planFor('01234567', 'M');
  assert.ok(plan !== undefined);
  const codewords = codewordsOf(plan, 'M', new ReedSolomon());
  assert.equal(Buffer.from(codewords).toString('hex'), '10200c566180ec11ec11ec11ec11ec11a524d4c1ed36c7872c55');
});

test('codewordsOf interleaves blocks of two lengths: version 5, level Q has 15, 15, 16 and 16', () => {
  const plan = planFor("There's a frood who really knows where his towel is!", 'Q');
  assert.equal(plan?.version, 5);
  const codewords = codewordsOf(plan, 'Q', new ReedSolomon());
  const data = codewords.subarray(0, 62);
  const lengths = [15, 15, 16, 16];
  const blocks = lengths.map((length, block) =>
    Array.from({ length }, (_, at) => data[at < 15 ? at * 4 + block : 60 + block - 2] ?? -1),
  );
  const text = Buffer.from(blocks.flat()).toString('hex');
  // Byte mode, 52 characters, the text, terminator, padding.
  const written = Buffer.from("There's a frood who really knows where his towel is!").toString('hex');
  assert.equal(text, `434${written}0ec11ec11ec11ec11`);
});

test('segmentsOf switches mode only where that saves bits', () => {
  const cut = (text: string): string =>
    segmentsOf(text, 1)
      .map((part) => `${part.mode[0]}:${part.text}`)
      .join(' ');
  assert.equal(cut('abc'), 'b:abc');
  assert.equal(cut('12345678'), 'n:12345678');
  assert.equal(cut('ABC123'), 'a:ABC123');
  assert.equal(cut('ab123'), 'b:ab123');
  assert.equal(cut('abc1234567890'), 'b:abc n:1234567890');
  assert.equal(cut('https://X.COM/ABCDEFGHIJKLMNOP'), 'b:https a:://X.COM/ABCDEFGHIJKLMNOP');
  assert.equal(cut('é1234567890123'), 'b:é n:1234567890123');
});

test('QrEncoder: versions 1 to 7 at every level are read by another reader', () => {
  for (const level of ['L', 'M', 'Q', 'H'] as const) {
    const seen = new Set<number>();
    for (let length = 1; length <= 2953; length += 6) {
      const text = 'Ab3\u00e9'.repeat(length).slice(0, length);
      const symbol = encoder.encode(text, level);
      // Larger ones are slow to read; their tables are proven by the capacities above and the decode suite.
      if (symbol === undefined || symbol.version > 7) break;
      if (seen.has(symbol.version)) continue;
      seen.add(symbol.version);
      assert.equal(read(symbol), text, `version ${symbol.version} at level ${level}`);
    }
    assert.ok(seen.size === 7, `${seen.size} versions at level ${level}`);
  }
});

function read({ modules, size }: QrSymbol): string | undefined {
  const scale = 2;
  const margin = 4;
  const width = (size + 2 * margin) * scale;
  const rgba = new Uint8ClampedArray(width * width * 4).fill(255);
  for (let y = 0; y < size * scale; y++) {
    for (let x = 0; x < size * scale; x++) {
      if (modules[Math.floor(y / scale) * size + Math.floor(x / scale)] !== 1) continue;
      const at = ((y + margin * scale) * width + x + margin * scale) * 4;
      rgba.fill(0, at, at + 3);
    }
  }
  const found = jsqr(rgba, width, width);
  return found === null ? undefined : found.data;
}
