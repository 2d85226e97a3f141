import type { Drawing } from './drawing.ts';
import type { Label } from './labels.ts';
import { type Appearance, points, rgb, turnMatrix, turnedSize } from './appearance.ts';
import { parenthesised } from './postscript-text.ts';

/** A drawing as Encapsulated PostScript (EPSF 3.0). `scale`: dots a unit of the drawing. */
export function toEps(drawing: Drawing, scale: number, appearance: Appearance): Buffer {
  const { width, height, bands, labels } = drawing;
  const { rotate, dpi, color, background } = appearance;
  const [wide, tall] = turnedSize(width, height, rotate);
  const [wideInPoints, highInPoints] = [points(wide * scale, dpi), points(tall * scale, dpi)];
  const unit = points(scale * 1000, dpi) / 1000;
  const lines = [
    '%!PS-Adobe-3.0 EPSF-3.0',
    `%%BoundingBox: 0 0 ${Math.ceil(wideInPoints)} ${Math.ceil(highInPoints)}`,
    `%%HiResBoundingBox: 0 0 ${wideInPoints} ${highInPoints}`,
    '%%EndComments',
    'gsave',
    // PostScript's y goes up, ours down.
    `[${unit} 0 0 ${-unit} 0 ${highInPoints}] concat`,
    ...(background === undefined ? [] : [`${rgb(background)} setrgbcolor 0 0 ${wide} ${tall} rectfill`]),
    `[${turnMatrix(width, height, rotate).join(' ')}] concat ${rgb(color)} setrgbcolor`,
    '/r{rectfill}bind def',
  ];
  for (const { y, height: rows, runs } of bands) {
    for (let at = 0; at < runs.length; at += 2) lines.push(`${runs[at]} ${y} ${runs[at + 1]} ${rows} r`);
  }
  lines.push(...labels.map(textOf), 'grestore', '%%EOF', '');
  return Buffer.from(lines.join('\n'), 'latin1');
}

/** Each letter gets the place that it has in the other formats, however wide the font's are. */
function textOf({ text, x, y, advance, size = 1 }: Label): string {
  const baseline = y + 7 * size;
  const show = `/Courier findfont [${9 * size} 0 0 ${-9 * size} 0 0] makefont setfont ${x} ${baseline} moveto`;
  return `${show} ${Math.round((advance - 5.4 * size) * 1000) / 1000} 0 ${parenthesised(text)} ashow`;
}
