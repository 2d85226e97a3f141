import type { BarcodeRequest } from '../barcode/request.ts';
import { specOf } from '../barcode/symbologies.ts';
import type { FieldProblem } from '../barcode/validate.ts';
import type { Modules } from './encode.ts';
import { type Label, labelsOf, lineHeight } from './labels.ts';

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
/** Thickness of the frame around an ITF-14, at least twice a narrow bar (General Specifications §5.3.2.4). */
const bearerWidth = 4;

/** What lies around the bars, in modules. */
interface Around {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  /** Of the frame, 0 without one. */
  readonly frame: number;
}

/**
 * Places the modules, the blank margin and the text beside the bars.
 *
 * The text never takes from the margin at the sides of the bars beyond what printed EAN and UPC symbols
 * do, and widens the image where it is longer than the bars.
 */
export function layOut(request: BarcodeRequest, modules: Modules): Drawing {
  const { quietZone } = request;
  const margin = specOf(request.symbology).family === 'linear' ? Math.min(quietZone, linearMargin) : quietZone;
  const frame = request.symbology === 'itf14' && request.bearerBars !== false ? bearerWidth : 0;
  if (!request.humanReadable) {
    const around = { left: quietZone + frame, right: quietZone + frame, top: margin + frame, frame };
    return withFrame(modules, around, around.top + modules.height + frame + margin, []);
  }
  const { labels, left, right, drop } = labelsOf(request, modules.width);
  const above = labels.some(({ line }) => line === 'above') ? lineHeight(1) : 0;
  const around = {
    left: Math.max(quietZone + frame, left),
    right: Math.max(quietZone + frame, right),
    top: margin + above + frame,
    frame,
  };
  const tops = { above: margin, beside: around.top, below: around.top + modules.height + frame - drop + labelGap };
  const placed = labels.map(({ text, x, line, advance, size }) => ({
    text,
    x: around.left + x,
    y: tops[line],
    advance,
    ...(size === undefined ? {} : { size }),
  }));
  const height = tops.below + lineHeight(request.textSize ?? 1) - labelGap + margin;
  return withFrame(modules, around, height, placed);
}

/** Makes the longest stretch of equal rows as long as `height` asks for; guards and add-ons keep their shape. */
export function stretched(modules: Modules, height: number | undefined): Modules | FieldProblem {
  if (height === undefined || height === modules.height) return modules;
  const { data, width, dark } = modules;
  const bands = equalRows(modules);
  const longest = bands.reduce((best, band) => (band.height > best.height ? band : best));
  const rows = longest.height + height - modules.height;
  if (rows < 1) {
    const least = modules.height - longest.height + 1;
    return { field: 'barHeight', rule: 'range', detail: `The bars are at least ${least} modules high: got ${height}` };
  }
  const taller = new Uint8Array(width * height);
  let y = 0;
  for (const band of bands) {
    const row = data.subarray(band.y * width, (band.y + 1) * width);
    for (const end = y + (band === longest ? rows : band.height); y < end; y++) taller.set(row, y * width);
  }
  return { data: taller, width, height, dark };
}

/** The drawing of modules alone, without margin. */
export function drawingOf(modules: Modules): Drawing {
  return { width: modules.width, height: modules.height, bands: bandsOf(modules, 0, 0), labels: [] };
}

function withFrame(modules: Modules, around: Around, height: number, labels: readonly Label[]): Drawing {
  const { left, right, top, frame } = around;
  const width = left + modules.width + right;
  const bars = bandsOf(modules, left, top);
  if (frame === 0) return { width, height, bands: bars, labels };
  const bearer = { height: frame, runs: [0, width] };
  const bands = [
    { ...bearer, y: top - frame },
    ...bars.map((band) => ({ ...band, runs: [0, frame, ...band.runs, width - frame, frame] })),
    { ...bearer, y: top + modules.height },
  ];
  return { width, height, bands, labels };
}

function bandsOf(modules: Modules, left: number, top: number): Band[] {
  return equalRows(modules).flatMap(({ y, height }) => {
    const runs = runsOf(modules, y * modules.width, left);
    return runs.length > 0 ? [{ y: top + y, height, runs }] : [];
  });
}

function equalRows({ data, width, height }: Modules): { readonly y: number; readonly height: number }[] {
  const rows: { y: number; height: number }[] = [];
  for (let y = 0; y < height;) {
    let end = y + 1;
    while (end < height && sameRow(data, width, y, end)) end++;
    rows.push({ y, height: end - y });
    y = end;
  }
  return rows;
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
