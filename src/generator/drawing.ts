import type { BarcodeRequest } from '../barcode/request.ts';
import { specOf } from '../barcode/symbologies.ts';
import type { Modules } from './encode.ts';
import { glyphHeight } from './font.ts';
import { type Label, labelsOf } from './labels.ts';

/** Equal rows of modules that follow each other. */
export interface Band {
  readonly y: number;
  readonly height: number;
  /** Start and length of each dark run, in turns. */
  readonly runs: readonly number[];
}

/** A barcode ready to be painted; every length is in modules. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** From top to bottom; rows between them are blank. */
  readonly bands: readonly Band[];
  readonly labels: readonly Label[];
}

/** Bars need no blank rows to be read; these keep an image from looking cut. */
const linearMargin = 2;
const labelGap = 1;

/**
 * Places the modules, the blank margin and the text below the bars.
 *
 * The text never takes from the margin at the sides of the bars beyond what printed EAN and UPC symbols
 * do, and widens the image where it is longer than the bars.
 */
export function layOut(request: BarcodeRequest, modules: Modules): Drawing {
  const linear = specOf(request.symbology).family === 'linear';
  const margin = linear ? Math.min(request.quietZone, linearMargin) : request.quietZone;
  if (!request.humanReadable) {
    const bands = bandsOf(modules, request.quietZone, margin);
    const height = modules.height + 2 * margin;
    return { width: modules.width + 2 * request.quietZone, height, bands, labels: [] };
  }
  const { labels, left, right, drop } = labelsOf(request.symbology, request.text, modules.width);
  const before = Math.max(request.quietZone, left);
  const labelTop = margin + modules.height - drop + labelGap;
  return {
    width: before + modules.width + Math.max(request.quietZone, right),
    height: labelTop + glyphHeight + margin,
    bands: bandsOf(modules, before, margin),
    labels: labels.map(({ text, x, advance }) => ({ text, x: before + x, y: labelTop, advance })),
  };
}

function bandsOf(modules: Modules, left: number, top: number): Band[] {
  const { data, width, height } = modules;
  const bands: Band[] = [];
  for (let y = 0; y < height;) {
    let end = y + 1;
    while (end < height && sameRow(data, width, y, end)) end++;
    const runs = runsOf(modules, y * width, left);
    if (runs.length > 0) bands.push({ y: top + y, height: end - y, runs });
    y = end;
  }
  return bands;
}

function sameRow(data: Modules['data'], width: number, y: number, other: number): boolean {
  const ahead = (other - y) * width;
  for (let at = y * width, stop = at + width; at < stop; at++) if (data[at] !== data[at + ahead]) return false;
  return true;
}

function runsOf({ data, width, dark }: Modules, from: number, left: number): number[] {
  const runs: number[] = [];
  for (let x = 0; x < width;) {
    if (data[from + x] !== dark) {
      x++;
      continue;
    }
    const start = x;
    while (x < width && data[from + x] === dark) x++;
    runs.push(left + start, x - start);
  }
  return runs;
}
