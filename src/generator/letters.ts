import type { Band, Drawing } from './drawing.ts';
import { dotAt, glyphHeight, glyphWidth } from './font.ts';
import type { Label } from './labels.ts';

/** The bands with the letters in them; guards and add-ons of retail symbols stand in the same rows as their digits. */
export function paintedBands({ bands, labels }: Drawing): readonly Band[] {
  if (labels.length === 0) return bands;
  const rows = letterRows(labels);
  const painted: Band[] = [];
  for (const band of bands) {
    let plainFrom = band.y;
    const end = band.y + band.height;
    for (let y = band.y; y < end; y++) {
      const letters = rows.get(y);
      if (letters === undefined) continue;
      if (y > plainFrom) painted.push({ y: plainFrom, height: y - plainFrom, runs: band.runs });
      painted.push({ y, height: 1, runs: [...band.runs, ...letters] });
      rows.delete(y);
      plainFrom = y + 1;
    }
    if (end > plainFrom) painted.push({ y: plainFrom, height: end - plainFrom, runs: band.runs });
  }
  for (const [y, runs] of rows) painted.push({ y, height: 1, runs });
  return painted.sort((a, b) => a.y - b.y);
}

/** The dark runs of all letters, by row. */
function letterRows(labels: readonly Label[]): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (const label of labels) {
    const { y, size = 1 } = label;
    for (let row = 0; row < glyphHeight; row++) {
      const runs = dots(label, row);
      for (let line = 0; line < size; line++) {
        const at = y + row * size + line;
        rows.set(at, [...(rows.get(at) ?? []), ...runs]);
      }
    }
  }
  return rows;
}

function dots({ text, x, advance, size = 1 }: Label, row: number): number[] {
  const runs: number[] = [];
  for (let index = 0; index < text.length; index++) {
    for (let column = 0; column < glyphWidth; column++) {
      if (dotAt(text.charCodeAt(index), column, row)) runs.push(x + index * advance + column * size, size);
    }
  }
  return runs;
}
