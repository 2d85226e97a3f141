import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { parseBarcodeRequest } from '../barcode/request.ts';
import type { Renderer } from './render.ts';
import type { Work } from './work.ts';

/**
 * Barcodes, rendered on the server's own thread.
 *
 * Each render waits for the next turn of the event loop: what arrived meanwhile is then counted against the
 * cap before the loop is held up again. Without it requests would pile up unseen in socket buffers, and the
 * cap and the queue would never fill.
 */
export function barcodeWork(renderer: Renderer, clock: Clock): Work {
  return {
    kind: 'barcode',
    prepare(body) {
      const parsed = parseBarcodeRequest(body);
      if (!parsed.ok) return parsed;
      const job = async () => {
        await nextTurn();
        const startedAt = clock.now();
        const rendered = renderer.render(parsed.request);
        return { ...rendered, busyMs: clock.now() - startedAt };
      };
      return { ok: true, job };
    },
  };
}
