import { crc32, deflateSync } from 'node:zlib';
import type { Drawing } from './drawing.ts';
import { paintedBands } from './letters.ts';
import { type Appearance, plainAppearance } from './appearance.ts';
import { turnedDrawing } from './turn.ts';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const filterUp = 2;
const metresPerInch = 0.0254;

/** A drawing as PNG (ISO/IEC 15948): one bit a pixel, grey or of a palette. */
export function toPng(drawing: Drawing, scale: number, appearance: Appearance = plainAppearance): Buffer {
  const turned = turnedDrawing(drawing, appearance.rotate);
  return encodePng(turned.width * scale, turned.height * scale, scanlines(turned, scale), appearance);
}

/** Wraps filtered scanlines of one bit, 0 where it is dark, in the chunks of a PNG file. */
function encodePng(width: number, height: number, lines: Buffer, appearance: Appearance): Buffer {
  const isGrey = appearance.color === plainAppearance.color && appearance.background === plainAppearance.background;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  header[9] = isGrey ? 0 : 3;
  const data = deflateSync(lines, { level: 6, memLevel: 5, windowBits: 12 });
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...(isGrey ? [] : paletteChunks(appearance)),
    ...(appearance.dpi === undefined ? [] : [sizeChunk(appearance.dpi)]),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The dark colour, then the light one, which may be transparent. */
function paletteChunks({ color, background }: Appearance): Buffer[] {
  const colors = `${color}${background ?? '#ffffff'}`.replaceAll('#', '');
  const palette = chunk('PLTE', Buffer.from(colors, 'hex'));
  return background === undefined ? [palette, chunk('tRNS', Buffer.from([255, 0]))] : [palette];
}

function sizeChunk(dpi: number): Buffer {
  const data = Buffer.alloc(9);
  const perMetre = Math.round(dpi / metresPerInch);
  data.writeUInt32BE(perMetre, 0);
  data.writeUInt32BE(perMetre, 4);
  data[8] = 1;
  return chunk('pHYs', data);
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
