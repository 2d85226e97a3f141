import { type Drawing, drawingOf } from './drawing.ts';
import { paintedBands } from './letters.ts';
import { type Turn, turnedSize } from './appearance.ts';

/** The drawing turned clockwise, its letters among its modules: a picture made of dots cannot be turned later. */
export function turnedDrawing(drawing: Drawing, rotate: Turn): Drawing {
  if (rotate === 0) return drawing;
  const { width, height } = drawing;
  const [turnedWidth, turnedHeight] = turnedSize(width, height, rotate);
  const data = new Uint8Array(width * height);
  for (const { y, height: rows, runs } of paintedBands(drawing)) {
    for (let run = 0; run < runs.length; run += 2) {
      const from = runs[run] as number;
      const to = from + (runs[run + 1] as number);
      for (let row = y; row < y + rows; row++) {
        for (let x = from; x < to; x++) data[indexOf(x, row, drawing, rotate)] = 1;
      }
    }
  }
  return drawingOf({ data, width: turnedWidth, height: turnedHeight, dark: 1 });
}

/** Where the module of a column and row comes to lie. */
function indexOf(x: number, y: number, { width, height }: Drawing, rotate: Turn): number {
  if (rotate === 90) return x * height + (height - 1 - y);
  if (rotate === 180) return (height - 1 - y) * width + (width - 1 - x);
  return (width - 1 - x) * height + y;
}
