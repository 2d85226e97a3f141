import { imageType } from '../barcode/formats.ts';
import type { BarcodeRequest } from '../barcode/request.ts';
import type { FieldProblem } from '../barcode/validate.ts';
import { type Drawing, drawingOf, layOut, stretched } from './drawing.ts';
import { type Encode, type Modules, loadEncoder } from './encode.ts';
import { toEps } from './eps.ts';
import { appearanceOf, scaleOf } from './appearance.ts';
import { maxicodePixels, maxicodeSvg, symbolHeight, symbolWidth } from './maxicode.ts';
import { toPdf } from './pdf.ts';
import { toPng } from './png.ts';
import { toSvg } from './svg.ts';
import type { WorkOutcome } from './work.ts';

export interface Renderer {
  /** Draws a checked request; refuses what only the encoder or the finished size can tell. Synchronous. */
  render(request: BarcodeRequest): WorkOutcome;
}

/** One bit each: at most 2 MiB before compression. */
const maxPixels = 16 * 1024 * 1024;
/** Dots a unit of a MaxiCode in PDF and EPS, whose hexagons are drawn as dots. */
const fineDots = 12;

/** Loads the encoder, which takes some tens of milliseconds, once for a process. */
export async function createRenderer(): Promise<Renderer> {
  const encode = await loadEncoder();
  return { render: (request) => render(encode, request) };
}

function render(encode: Encode, request: BarcodeRequest): WorkOutcome {
  const encoded = encode(request);
  if (!encoded.ok) return encoded;
  if (request.symbology === 'maxicode') return renderMaxicode(request, encoded.modules);
  const modules = stretched(encoded.modules, request.barHeight);
  if ('field' in modules) return refused(modules);
  const drawing = layOut(request, modules);
  const scale = scaleOf(request, drawing.width);
  return typeof scale === 'number' ? paint(drawing, scale, request) : refused(scale);
}

/** The one symbol that is not made of rectangles. Its pixels are drawn already scaled, and with their margin. */
function renderMaxicode(request: BarcodeRequest, raster: Modules): WorkOutcome {
  const { quietZone, format } = request;
  const scale = scaleOf(request, symbolWidth + 2 * quietZone);
  if (typeof scale !== 'number') return refused(scale);
  if (format === 'svg')
    return image(request, Buffer.from(maxicodeSvg(raster, quietZone, scale, appearanceOf(request))));
  if (format === 'png') {
    // Before the pixels are drawn, which takes their number in memory and time.
    const tooLarge = sizeProblem(
      { width: symbolWidth + 2 * quietZone, height: symbolHeight + 2 * quietZone },
      scale,
      request,
    );
    return tooLarge ?? paint(drawingOf(maxicodePixels(raster, quietZone, scale)), 1, request);
  }
  return paint(drawingOf(maxicodePixels(raster, quietZone, fineDots)), scale / fineDots, request);
}

/** `scale`: dots a unit of the drawing. */
function paint(drawing: Drawing, scale: number, request: BarcodeRequest): WorkOutcome {
  const appearance = appearanceOf(request);
  switch (request.format) {
    case 'svg':
      return image(request, Buffer.from(toSvg(drawing, scale, appearance)));
    case 'pdf':
      return image(request, toPdf(drawing, scale, appearance));
    case 'eps':
      return image(request, toEps(drawing, scale, appearance));
    case 'png':
      return sizeProblem(drawing, scale, request) ?? image(request, toPng(drawing, scale, appearance));
  }
}

/** The refusal of an image that has too many pixels. */
function sizeProblem(
  { width, height }: { readonly width: number; readonly height: number },
  scale: number,
  { widthMm }: BarcodeRequest,
): WorkOutcome | undefined {
  if (width * height * scale ** 2 <= maxPixels) return undefined;
  const most = Math.floor(Math.sqrt(maxPixels / (width * height)));
  const detail = `A symbol of ${width} × ${height} modules takes a scale of at most ${most} as PNG: got ${scale}`;
  return refused({ field: widthMm === undefined ? 'scale' : 'dpi', rule: 'too-large', detail });
}

const image = ({ format }: BarcodeRequest, bytes: Buffer): WorkOutcome => ({
  ok: true,
  image: { contentType: imageType(format), bytes },
});

const refused = (problem: FieldProblem): WorkOutcome => ({ ok: false, problems: [problem] });
