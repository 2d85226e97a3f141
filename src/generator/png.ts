import { crc32, deflateSync } from 'node:zlib';
import type { Band, Drawing } from './drawing.ts';
import { dotAt, glyphHeight, glyphWidth } from './font.ts';
import type { Label } from './labels.ts';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const filterUp = 2;

/** A drawing as PNG (ISO/IEC 15948): one bit of grey a pixel, dark on opaque white. */
export function toPng(drawing: Drawing, scale: number): Buffer {
  return encodePng(drawing.width * scale, drawing.height * scale, scanlines(drawing, scale));
}

/** Wraps filtered scanlines of one-bit grey in the chunks of a PNG file. */
export function encodePng(width: number, height: number, lines: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const data = deflateSync(lines, { level: 6, memLevel: 5, windowBits: 12 });
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

export function chunk(type: string, data: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(data.length + 12);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, data.length + 8)), data.length + 8);
  return whole;
}

/**
 * The rows of pixels, each after its filter byte.
 *
 * A row equal to the one above is all zeros under the filter Up, which costs deflate next to nothing: only
 * the first row of each band, and of each blank stretch, is written out.
 */
function scanlines(drawing: Drawing, scale: number): Buffer {
  const stride = ((drawing.width * scale + 7) >> 3) + 1;
  const lines = Buffer.alloc(stride * drawing.height * scale);
  for (let at = 0; at < lines.length; at += stride) lines[at] = filterUp;
  const startRow = (y: number): number => {
    const at = y * scale * stride;
    lines[at] = 0;
    lines.fill(0xff, at + 1, at + stride);
    return at + 1;
  };
  startRow(0);
  for (const { y, height, runs } of paintedBands(drawing)) {
    const at = startRow(y);
    for (let run = 0; run < runs.length; run += 2) {
      darken(lines, at * 8 + (runs[run] ?? 0) * scale, (runs[run + 1] ?? 0) * scale);
    }
    if (y + height < drawing.height) startRow(y + height);
  }
  return lines;
}

/** Clears bits, the highest of a byte first. */
function darken(bytes: Buffer, from: number, count: number): void {
  const end = from + count;
  const first = from >> 3;
  const last = (end - 1) >> 3;
  const head = 0xff >> (from & 7);
  const tail = (0xff << (7 - ((end - 1) & 7))) & 0xff;
  if (first === last) {
    bytes[first] = (bytes[first] ?? 0) & ~(head & tail);
    return;
  }
  bytes[first] = (bytes[first] ?? 0) & ~head;
  bytes.fill(0, first + 1, last);
  bytes[last] = (bytes[last] ?? 0) & ~tail;
}

/** The bands with the letters in them; guard bars of retail symbols stand in the same rows as their digits. */
function paintedBands({ bands, labels }: Drawing): readonly Band[] {
  const top = labels[0]?.y;
  if (top === undefined) return bands;
  const above = bands
    .filter(({ y }) => y < top)
    .map(({ y, height, runs }) => ({ y, height: Math.min(height, top - y), runs }));
  const beside = Array.from({ length: glyphHeight }, (_, row) => {
    const guards = bands.find((band) => band.y <= top + row && top + row < band.y + band.height);
    return { y: top + row, height: 1, runs: [...(guards?.runs ?? []), ...labels.flatMap((label) => dots(label, row))] };
  });
  return [...above, ...beside];
}

function dots(label: Label, row: number): number[] {
  const runs: number[] = [];
  for (let index = 0; index < label.text.length; index++) {
    for (let column = 0; column < glyphWidth; column++) {
      if (dotAt(label.text.charCodeAt(index), column, row)) runs.push(label.x + index * label.advance + column, 1);
    }
  }
  return runs;
}
