/**
 * The modules of a symbol as bits, once row by row and once column by column: 32 modules a word, the first in the lowest
 * bit, each line beginning with a word of its own. Bits beyond a line are 0.
 */
export interface BitLines {
  readonly size: number;
  readonly wordsPerLine: number;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** `modules`: one byte each, row by row, 1 where it is dark. */
export function bitLinesOf(modules: Uint8Array, size: number): BitLines {
  const lines = emptyLines(size);
  const { wordsPerLine, rows, columns } = lines;
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++, at++) {
      if (modules[at] !== 1) continue;
      const row = y * wordsPerLine + (x >> 5);
      const column = x * wordsPerLine + (y >> 5);
      rows[row] = (rows[row] as number) | (1 << (x & 31));
      columns[column] = (columns[column] as number) | (1 << (y & 31));
    }
  }
  return lines;
}

export function emptyLines(size: number): BitLines {
  const wordsPerLine = (size + 31) >> 5;
  const rows = new Int32Array(size * wordsPerLine);
  return { size, wordsPerLine, rows, columns: rows.slice() };
}

/** Makes `into` what `lines` are where `mask` flips them; all of one size. */
export function flipInto(into: BitLines, lines: BitLines, mask: BitLines): void {
  for (let at = 0; at < into.rows.length; at++) {
    into.rows[at] = (lines.rows[at] as number) ^ (mask.rows[at] as number);
    into.columns[at] = (lines.columns[at] as number) ^ (mask.columns[at] as number);
  }
}

/** Makes a module dark that is light. */
export function darken({ wordsPerLine, rows, columns }: BitLines, x: number, y: number): void {
  const row = y * wordsPerLine + (x >> 5);
  const column = x * wordsPerLine + (y >> 5);
  rows[row] = (rows[row] as number) | (1 << (x & 31));
  columns[column] = (columns[column] as number) | (1 << (y & 31));
}
