import { deflateSync } from 'node:zlib';
import type { Drawing } from './drawing.ts';
import type { Label } from './labels.ts';
import { type Appearance, points, rgb, turnMatrix, turnedSize } from './appearance.ts';
import { parenthesised } from './postscript-text.ts';

/** Width of a letter of Courier at size 1. */
const LETTER_WIDTH = 0.6;

/**
 * A drawing as a page of PDF 1.4 (ISO 32000-1) of its own size: rectangles and text in Courier, which every reader has.
 * `scale`: dots a unit of the drawing.
 */
export function toPdf(drawing: Drawing, scale: number, appearance: Appearance): Buffer {
  const { width, height } = drawing;
  const { rotate, dpi } = appearance;
  const [wide, high] = turnedSize(width, height, rotate).map((modules) => points(modules * scale, dpi)) as [
    number,
    number,
  ];
  const content = deflateSync(
    Buffer.from(contentOf(drawing, points(scale * 1000, dpi) / 1000, high, appearance), 'latin1'),
  );
  return fileOf([
    Buffer.from('<</Type/Catalog/Pages 2 0 R>>'),
    Buffer.from('<</Type/Pages/Kids[3 0 R]/Count 1>>'),
    Buffer.from(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${wide} ${high}]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>`,
    ),
    Buffer.concat([
      Buffer.from(`<</Length ${content.length}/Filter/FlateDecode>>stream\n`),
      content,
      Buffer.from('\nendstream'),
    ]),
    Buffer.from('<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>'),
  ]);
}

/** The operators of the page. `unit`: points a unit of the drawing; `high`: points of the page. */
function contentOf(drawing: Drawing, unit: number, high: number, appearance: Appearance): string {
  const { width, height, bands, labels } = drawing;
  const [wide, tall] = turnedSize(width, height, appearance.rotate);
  // PDF's y goes up, ours down.
  const lines = [`${unit} 0 0 ${-unit} 0 ${high} cm`];
  if (appearance.background !== undefined) lines.push(`${rgb(appearance.background)} rg 0 0 ${wide} ${tall} re f`);
  lines.push(`${turnMatrix(width, height, appearance.rotate).join(' ')} cm ${rgb(appearance.color)} rg`);
  for (const { y, height: rows, runs } of bands) {
    for (let at = 0; at < runs.length; at += 2) lines.push(`${runs[at]} ${y} ${runs[at + 1]} ${rows} re`);
  }
  lines.push('f', ...labels.map(textOf));
  return lines.join('\n');
}

function textOf({ text, x, y, advance, size = 1 }: Label): string {
  const fontSize = 9 * size;
  const spacing = Math.round((advance - fontSize * LETTER_WIDTH) * 1000) / 1000;
  return `BT /F ${fontSize} Tf ${spacing} Tc 1 0 0 -1 ${x} ${y + 7 * size} Tm ${parenthesised(text)} Tj ET`;
}

/** Objects, numbered from 1, with the table of where each begins. */
function fileOf(objects: readonly Buffer[]): Buffer {
  const parts = [Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  let length = (parts[0] as Buffer).length;
  const offsets = objects.map((object, index) => {
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')]);
    const offset = length;
    parts.push(part);
    length += part.length;
    return offset;
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const count = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${count}\n0000000000 65535 f \n${rows}trailer\n<</Size ${count}/Root 1 0 R>>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}
