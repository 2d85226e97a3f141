import type { Drawing } from './drawing.ts';
import { glyphWidth } from './font.ts';
import type { Label } from './labels.ts';
import { type Appearance, millimetres, plainAppearance, turnMatrix, turnedSize } from './appearance.ts';

/** A drawing as SVG: all dark modules in one path, runs merged, on the background. */
export function toSvg(drawing: Drawing, scale: number, appearance: Appearance = plainAppearance): string {
  const { width, height } = drawing;
  let path = '';
  for (const { y, height: rows, runs } of drawing.bands) {
    for (let at = 0; at < runs.length; at += 2) {
      path += `M${runs[at]} ${y}h${runs[at + 1]}v${rows}h-${runs[at + 1]}z`;
    }
  }
  const fill = appearance.color === plainAppearance.color ? '' : ` fill="${appearance.color}"`;
  const content = `<path${fill} d="${path}"/>${drawing.labels.map((label) => svgText(label, fill)).join('')}`;
  return svgOf(content, { width, height, scale, appearance });
}

export interface SvgFrame {
  /** In modules, before it is turned. */
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  readonly appearance: Appearance;
  readonly rendering?: 'crispEdges' | 'geometricPrecision';
}

/** An image whose units are modules: the root element, the background, and the content, turned. */
export function svgOf(
  content: string,
  { width, height, scale, appearance, rendering = 'crispEdges' }: SvgFrame,
): string {
  const { background, rotate, dpi } = appearance;
  const [wide, high] = turnedSize(width, height, rotate);
  const length = (modules: number): string =>
    dpi === undefined ? String(modules * scale) : `${millimetres(modules * scale, dpi)}mm`;
  const open =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${length(wide)}" height="${length(high)}" ` +
    `viewBox="0 0 ${wide} ${high}" shape-rendering="${rendering}">`;
  const shown = background === plainAppearance.background ? '#fff' : background;
  const ground = shown === undefined ? '' : `<path fill="${shown}" d="M0 0h${wide}v${high}H0z"/>`;
  const turned =
    rotate === 0 ? content : `<g transform="matrix(${turnMatrix(width, height, rotate).join(' ')})">${content}</g>`;
  return `${open}${ground}${turned}</svg>`;
}

/** As long as the bitmap letters: without the gap behind the last one, for which an image may have no room. The baseline lies seven dots below the top of the glyphs, where the bitmap letters have it. */
function svgText({ text, x, y, advance, size = 1 }: Label, fill: string): string {
  const length = (text.length - 1) * advance + glyphWidth * size;
  return (
    `<text${fill} x="${x}" y="${y + 7 * size}" font-family="monospace" font-size="${9 * size}" ` +
    `textLength="${length}" xml:space="preserve">${escapeXml(text)}</text>`
  );
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text for an XML 1.0 element; control characters, which XML cannot hold even escaped, become spaces. */
export function escapeXml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\0-\x1f\x7f\ufffe\uffff]/g, ' ').replace(/[&<>"']/g, (char) => escapes[char] ?? char);
}
