import type { BarcodeRequest } from '../barcode/request.ts';
import { type Drawing, layOut } from './drawing.ts';
import { type Encode, type Modules, loadEncoder } from './encode.ts';
import { maxicodePixels, maxicodeSvg } from './maxicode.ts';
import { toPng } from './png.ts';
import { toSvg } from './svg.ts';
import type { WorkOutcome } from './work.ts';

export interface Renderer {
  /** Draws a checked request; refuses what only the encoder or the finished size can tell. Synchronous. */
  render(request: BarcodeRequest): WorkOutcome;
}

/** One bit each: at most 2 MiB before compression. */
const maxPixels = 16 * 1024 * 1024;

/** Loads the encoder, which takes some tens of milliseconds, once for a process. */
export async function createRenderer(): Promise<Renderer> {
  const encode = await loadEncoder();
  return { render: (request) => render(encode, request) };
}

function render(encode: Encode, request: BarcodeRequest): WorkOutcome {
  const encoded = encode(request);
  if (!encoded.ok) return encoded;
  if (request.symbology === 'maxicode') return renderMaxicode(request, encoded.modules);
  const drawing = layOut(request, encoded.modules);
  return request.format === 'svg' ? svg(toSvg(drawing, request.scale)) : png(drawing, request.scale);
}

/** The one symbol that is not made of rectangles. Its pixels are drawn already scaled, and with their margin. */
function renderMaxicode(request: BarcodeRequest, raster: Modules): WorkOutcome {
  const { quietZone, scale } = request;
  if (request.format === 'svg') return svg(maxicodeSvg(raster, quietZone, scale));
  return png(layOut({ ...request, quietZone: 0 }, maxicodePixels(raster, quietZone, scale)), 1);
}

function svg(text: string): WorkOutcome {
  return { ok: true, image: { contentType: 'image/svg+xml', bytes: Buffer.from(text) } };
}

function png(drawing: Drawing, scale: number): WorkOutcome {
  const { width, height } = drawing;
  if (width * height * scale ** 2 <= maxPixels) {
    return { ok: true, image: { contentType: 'image/png', bytes: toPng(drawing, scale) } };
  }
  const most = Math.floor(Math.sqrt(maxPixels / (width * height)));
  const detail = `A symbol of ${width} × ${height} modules takes a scale of at most ${most} as PNG: got ${scale}`;
  return { ok: false, problems: [{ field: 'scale', rule: 'too-large', detail }] };
}
