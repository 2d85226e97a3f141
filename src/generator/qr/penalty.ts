import type { BitLines } from './bit-lines.ts';

const finderPenalty = 40;
const boxPenalty = 3;
const balancePenalty = 10;

/**
 * The penalty of a masked symbol (ISO/IEC 18004 §7.8.3.1): long runs, boxes of one colour, shapes like a finder, and an
 * uneven share of dark modules. 32 modules are looked at together.
 *
 * @param limit stop when the sum has reached it, as another mask is already better
 */
export function penaltyOf({ size, wordsPerLine, rows, columns }: BitLines, limit: number): number {
  let sum = 0;
  for (let line = 0; line < size && sum < limit; line++) {
    const from = line * wordsPerLine;
    sum += linePenalty(rows, from, wordsPerLine, size) + linePenalty(columns, from, wordsPerLine, size);
  }
  if (sum >= limit) return sum;
  sum += boxes(rows, wordsPerLine, size) * boxPenalty;
  let dark = 0;
  for (const word of rows) dark += ones(word);
  return sum + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * balancePenalty;
}

/**
 * Runs of five modules and more, and finders 1:1:3:1:1 with four light modules before or after them; the margin around
 * the symbol counts as light. `after1` is the line moved by one module, so that each bit meets its neighbour, and so on.
 */
function linePenalty(lines: Int32Array, from: number, words: number, size: number): number {
  let sum = 0;
  let before = 0;
  let runsBefore = 0;
  for (let word = 0; word < words; word++) {
    const bits = lines[from + word] as number;
    const next = word + 1 < words ? (lines[from + word + 1] as number) : 0;
    const after1 = (bits >>> 1) | (next << 31);
    const after2 = (bits >>> 2) | (next << 30);
    const after3 = (bits >>> 3) | (next << 29);
    const after4 = (bits >>> 4) | (next << 28);
    const changes = (bits ^ after1) | (after1 ^ after2) | (after2 ^ after3) | (after3 ^ after4);
    // A run of n modules has n - 4 places where five alike begin, and costs n - 2.
    const runs = ~changes & firstBits(size - 4 - word * 32);
    if (runs !== 0) sum += ones(runs) + 2 * ones(runs & ~((runs << 1) | runsBefore));
    runsBefore = runs >>> 31;
    const after5 = (bits >>> 5) | (next << 27);
    const after6 = (bits >>> 6) | (next << 26);
    const finders = bits & ~after1 & after2 & after3 & after4 & ~after5 & after6;
    if (finders !== 0) sum += finderPenalty * (lightBefore(finders, bits, before) + lightAfter(finders, bits, next));
    before = bits;
  }
  return sum;
}

function lightBefore(finders: number, bits: number, before: number): number {
  const dark =
    (bits << 1) |
    (before >>> 31) |
    (bits << 2) |
    (before >>> 30) |
    (bits << 3) |
    (before >>> 29) |
    (bits << 4) |
    (before >>> 28);
  return ones(finders & ~dark);
}

function lightAfter(finders: number, bits: number, next: number): number {
  const dark =
    (bits >>> 7) |
    (next << 25) |
    (bits >>> 8) |
    (next << 24) |
    (bits >>> 9) |
    (next << 23) |
    (bits >>> 10) |
    (next << 22);
  return ones(finders & ~dark);
}

/** Squares of two by two modules of one colour. */
function boxes(rows: Int32Array, words: number, size: number): number {
  let count = 0;
  for (let word = 0; word < words; word++) {
    const places = firstBits(size - 1 - word * 32);
    const isLast = word + 1 === words;
    let above = rows[word] as number;
    let changesAbove = above ^ ((above >>> 1) | ((isLast ? 0 : (rows[word + 1] as number)) << 31));
    for (let at = word + words; at < rows.length; at += words) {
      const bits = rows[at] as number;
      const changes = bits ^ ((bits >>> 1) | ((isLast ? 0 : (rows[at + 1] as number)) << 31));
      const alike = ~(changes | changesAbove | (bits ^ above)) & places;
      if (alike !== 0) count += ones(alike);
      above = bits;
      changesAbove = changes;
    }
  }
  return count;
}

/** A word whose first `count` bits are 1; all of them from 32 on. */
const firstBits = (count: number): number => (count >= 32 ? -1 : count <= 0 ? 0 : (1 << count) - 1);

/** How many bits are 1 (Hacker's Delight, figure 5-2). */
function ones(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  sum = (sum + (sum >>> 4)) & 0x0f0f0f0f;
  return Math.imul(sum, 0x01010101) >>> 24;
}
