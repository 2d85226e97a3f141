import { parseBarcodeRequest } from '../barcode/request.ts';
import type { Renderer } from './render.ts';
import type { Work } from './work.ts';

/** Barcodes, rendered on the server's own thread. */
export function barcodeWork(renderer: Renderer): Work {
  return {
    kind: 'barcode',
    prepare(body) {
      const parsed = parseBarcodeRequest(body);
      return parsed.ok ? { ok: true, job: () => renderer.render(parsed.request) } : parsed;
    },
  };
}
