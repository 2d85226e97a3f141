import { type BitLines, bitLinesOf } from './bit-lines.ts';
import { alignmentCentres, sizeOf } from './versions.ts';

/** The common part of all symbols of a version. One byte a module, 1 where it is dark. */
export interface Template {
  readonly size: number;
  readonly version: number;
  /** Finder, timing and alignment patterns and the version information; zero everywhere else. */
  readonly patterns: Uint8Array;
  /** Indices of the modules that data fill, in the order of filling (ISO/IEC 18004 §7.7.3). */
  readonly path: Int32Array;
  readonly masks: readonly Mask[];
  /** Where the bits of format information stand, as `formatPlaces` gives them. */
  readonly format: readonly (readonly ModulePlace[])[];
}

export type ModulePlace = readonly [x: number, y: number];

/** One of the eight masks: 1 where it flips a data module. */
export interface Mask {
  readonly modules: Uint8Array;
  readonly lines: BitLines;
}

const maskRules: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

export function templateOf(version: number): Template {
  const size = sizeOf(version);
  const canvas = new Canvas(size);
  drawTiming(canvas);
  drawFinders(canvas);
  drawAlignment(canvas, alignmentCentres(version));
  if (version >= 7) drawVersion(canvas, version);
  const path = pathOf(canvas);
  const masks = maskRules.map((rule) => {
    const mask = new Uint8Array(size * size);
    for (const at of path) mask[at] = rule(at % size, Math.floor(at / size)) ? 1 : 0;
    return { modules: mask, lines: bitLinesOf(mask, size) };
  });
  return { size, version, patterns: canvas.dark, path, masks, format: formatPlaces(size) };
}

class Canvas {
  readonly size: number;
  readonly dark: Uint8Array;
  readonly taken: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.dark = new Uint8Array(size * size);
    this.taken = new Uint8Array(size * size);
  }

  set(x: number, y: number, dark: boolean): void {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.dark[y * this.size + x] = dark ? 1 : 0;
    this.taken[y * this.size + x] = 1;
  }
}

function drawTiming(canvas: Canvas): void {
  for (let at = 0; at < canvas.size; at++) {
    canvas.set(6, at, at % 2 === 0);
    canvas.set(at, 6, at % 2 === 0);
  }
}

/** Finders with their separators, the places of the format information beside them, and the one module always dark. */
function drawFinders(canvas: Canvas): void {
  const { size } = canvas;
  for (const [left, top] of [
    [0, 0],
    [size - 7, 0],
    [0, size - 7],
  ] as const) {
    for (let y = -1; y < 8; y++) {
      for (let x = -1; x < 8; x++) {
        const ring = Math.max(Math.abs(x - 3), Math.abs(y - 3));
        canvas.set(left + x, top + y, ring !== 2 && ring !== 4);
      }
    }
  }
  for (const [x, y] of formatPlaces(size).flat()) canvas.set(x, y, false);
  canvas.set(8, size - 8, true);
}

function drawAlignment(canvas: Canvas, centres: readonly number[]): void {
  const last = centres.length - 1;
  centres.forEach((y, row) => {
    centres.forEach((x, column) => {
      const atFinder = (row === 0 && column === 0) || (row === 0 && column === last) || (row === last && column === 0);
      if (atFinder) return;
      for (let dy = -2; dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) canvas.set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
      }
    });
  });
}

/** Six bits of version and twelve of its Golay check (annex D), twice. */
function drawVersion(canvas: Canvas, version: number): void {
  let remainder = version;
  for (let bit = 0; bit < 12; bit++) remainder = (remainder << 1) ^ ((remainder >> 11) * 0x1f25);
  const bits = (version << 12) | remainder;
  for (let bit = 0; bit < 18; bit++) {
    const far = canvas.size - 11 + (bit % 3);
    const near = Math.floor(bit / 3);
    const dark = ((bits >> bit) & 1) === 1;
    canvas.set(far, near, dark);
    canvas.set(near, far, dark);
  }
}

/** Where the fifteen bits of format information stand, lowest bit first, in both copies (§7.9). */
function formatPlaces(size: number): ModulePlace[][] {
  const places: ModulePlace[][] = [];
  for (let bit = 0; bit < 15; bit++) {
    const first: ModulePlace =
      bit < 6 ? [8, bit] : bit === 6 ? [8, 7] : bit === 7 ? [8, 8] : bit === 8 ? [7, 8] : [14 - bit, 8];
    const second: ModulePlace = bit < 8 ? [size - 1 - bit, 8] : [8, size - 15 + bit];
    places.push([first, second]);
  }
  return places;
}

/** Two columns at a time from the right, upwards and downwards in turns, passing over the vertical timing pattern. */
function pathOf({ size, taken }: Canvas): Int32Array {
  const path: number[] = [];
  for (let right = size - 1, upwards = true; right > 0; right -= 2, upwards = !upwards) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = upwards ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (taken[y * size + x] === 0) path.push(y * size + x);
    }
  }
  return Int32Array.from(path);
}
