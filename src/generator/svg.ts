import type { Drawing } from './drawing.ts';
import type { Label } from './labels.ts';

/** A drawing as SVG: all dark modules in one path, runs merged, on white. */
export function toSvg(drawing: Drawing, scale: number): string {
  const { width, height } = drawing;
  let path = '';
  for (const { y, height: rows, runs } of drawing.bands) {
    for (let at = 0; at < runs.length; at += 2) {
      path += `M${runs[at]} ${y}h${runs[at + 1]}v${rows}h-${runs[at + 1]}z`;
    }
  }
  return `${svgOpen(width, height, scale)}<path d="${path}"/>${drawing.labels.map(svgText).join('')}</svg>`;
}

/** The start of an image whose units are modules: the root element and the white ground. */
export function svgOpen(width: number, height: number, scale: number, rendering = 'crispEdges'): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width * scale}" height="${height * scale}" ` +
    `viewBox="0 0 ${width} ${height}" shape-rendering="${rendering}"><path fill="#fff" d="M0 0h${width}v${height}H0z"/>`
  );
}

/** The baseline lies seven modules below the top of the glyphs, where the bitmap letters have it. */
function svgText(label: Label): string {
  const length = label.text.length * label.advance;
  return (
    `<text x="${label.x}" y="${label.y + 7}" font-family="monospace" font-size="9" ` +
    `textLength="${length}" xml:space="preserve">${escapeXml(label.text)}</text>`
  );
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text for an XML 1.0 element; control characters, which XML cannot hold even escaped, become spaces. */
export function escapeXml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\0-\x1f\x7f\ufffe\uffff]/g, ' ').replace(/[&<>"']/g, (char) => escapes[char] ?? char);
}
