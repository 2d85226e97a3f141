import { inflateSync } from 'node:zlib';

/** Grey pixels, 0 black to 255 white, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly grey: Uint8Array;
}

/** Reads a PNG of one bit, grey or of a palette, without help from the code under test: only what such a file may hold, checked. */
export function rasterOfPng(png: Buffer): Raster {
  if (png.toString('latin1', 1, 4) !== 'PNG') throw new Error('No PNG signature');
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const kind = [...png.subarray(24, 29)].join();
  // The first colour of a palette is the dark one.
  if (kind !== '1,0,0,0,0' && kind !== '1,3,0,0,0') throw new Error(`Not one bit: ${kind}`);
  const lines = inflateSync(Buffer.concat(dataChunks(png)));
  const stride = ((width + 7) >> 3) + 1;
  if (lines.length !== stride * height) throw new Error(`${lines.length} bytes of scanlines for ${width} × ${height}`);
  const grey = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const line = lines.subarray(y * stride, (y + 1) * stride);
    if (line[0] === 2)
      for (let x = 1; x < stride; x++) line[x] = ((line[x] ?? 0) + (lines[(y - 1) * stride + x] ?? 0)) & 0xff;
    else if (line[0] !== 0) throw new Error(`Unexpected filter ${line[0]}`);
    for (let x = 0; x < width; x++) grey[y * width + x] = ((line[1 + (x >> 3)] ?? 0) >> (7 - (x & 7))) & 1 ? 255 : 0;
  }
  return { width, height, grey };
}

function dataChunks(png: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') chunks.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return chunks;
}

type Point = readonly [x: number, y: number];

/** Paints the white ground, the black path and the black rings of our SVG images; their text is left out. */
export function rasterOfSvg(svg: string, pixelsPerUnit: number): Raster {
  const [, unitsWide, unitsHigh] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  const width = Math.round(Number(unitsWide) * pixelsPerUnit);
  const height = Math.round(Number(unitsHigh) * pixelsPerUnit);
  const grey = new Uint8Array(width * height).fill(255);
  for (const [, d] of svg.matchAll(/<path d="([^"]*)"/g)) {
    for (const polygon of polygonsOf(d ?? ''))
      paint(
        grey,
        width,
        polygon.map(([x, y]) => [x * pixelsPerUnit, y * pixelsPerUnit]),
      );
  }
  for (const [, cx, cy, r, line] of svg.matchAll(
    /<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)" stroke="#000" stroke-width="([\d.]+)"/g,
  )) {
    for (let at = 0; at < grey.length; at++) {
      const x = ((at % width) + 0.5) / pixelsPerUnit - Number(cx);
      const y = (Math.floor(at / width) + 0.5) / pixelsPerUnit - Number(cy);
      if (Math.abs(Math.hypot(x, y) - Number(r)) <= Number(line) / 2) grey[at] = 0;
    }
  }
  return { width, height, grey };
}

/** The closed outlines of a path made of M, m, l, h, v, H and z. */
function polygonsOf(d: string): Point[][] {
  const polygons: Point[][] = [];
  let [x, y] = [0, 0];
  for (const [, command, rest] of d.matchAll(/([MmlhvHz])([^MmlhvHz]*)/g)) {
    const numbers = (rest?.match(/-?\d*\.?\d+/g) ?? []).map(Number);
    if (command === 'z') continue;
    const pairs = command === 'M' || command === 'm' || command === 'l' ? 2 : 1;
    for (let at = 0; at < numbers.length; at += pairs) {
      const [a = 0, b = 0] = numbers.slice(at, at + pairs);
      if (command === 'M') [x, y] = [a, b];
      else if (command === 'H') x = a;
      else if (command === 'h') x += a;
      else if (command === 'v') y += a;
      else [x, y] = [x + a, y + b];
      if (command === 'M') polygons.push([[x, y]]);
      // A relative move directly after M only shifts the start of the outline.
      else if (command === 'm') polygons.splice(-1, 1, [[x, y]]);
      else polygons.at(-1)?.push([x, y]);
    }
  }
  return polygons;
}

/** Blackens the pixels whose middle lies inside an outline (even-odd rule). */
function paint(grey: Uint8Array, width: number, outline: readonly Point[]): void {
  const ys = outline.map(([, y]) => y);
  for (let row = Math.floor(Math.min(...ys)); row < Math.ceil(Math.max(...ys)); row++) {
    const y = row + 0.5;
    const crossings = outline.flatMap(([x1, y1], index) => {
      const [x2, y2] = outline[(index + 1) % outline.length] ?? [x1, y1];
      return y1 <= y !== y2 <= y ? [x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)] : [];
    });
    crossings.sort((a, b) => a - b);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const from = Math.ceil((crossings[pair] ?? 0) - 0.5);
      const to = Math.ceil((crossings[pair + 1] ?? 0) - 0.5);
      grey.fill(0, row * width + from, row * width + to);
    }
  }
}

/** Binary PGM, which every reader of images takes. */
export function pgmOf({ width, height, grey }: Raster): Buffer {
  return Buffer.concat([Buffer.from(`P5 ${width} ${height} 255\n`), grey]);
}
