import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { prepareZXingModule } from 'zxing-wasm/writer';
import type { BarcodeRequest } from '../barcode/request.ts';
import { type Symbology, specOf } from '../barcode/symbologies.ts';
import type { FieldProblem } from '../barcode/validate.ts';

/** A barcode without margin and text: one byte a module, row by row, 0 where it is dark. */
export interface Modules {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

export type Encoded =
  | { readonly ok: true; readonly modules: Modules }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

export type Encode = (request: BarcodeRequest) => Encoded;

const encoderFormats: Record<Symbology, string> = {
  qrcode: 'QRCode',
  microqrcode: 'MicroQRCode',
  rmqr: 'RMQRCode',
  datamatrix: 'DataMatrix',
  aztec: 'AztecCode',
  maxicode: 'MaxiCode',
  pdf417: 'PDF417',
  micropdf417: 'MicroPDF417',
  code128: 'Code128',
  code39: 'Code39',
  code93: 'Code93',
  codabar: 'Codabar',
  itf: 'ITF',
  ean13: 'EAN13',
  ean8: 'EAN8',
  upca: 'UPCA',
  upce: 'UPCE',
  databar: 'DataBarOmni',
  databarlimited: 'DataBarLtd',
  databarstacked: 'DataBarStk',
  databarstackedomni: 'DataBarStkOmni',
  databarexpanded: 'DataBarExp',
  databarexpandedstacked: 'DataBarExpStk',
};

/**
 * Loads the encoder, which is zint inside zxing-wasm.
 *
 * It always makes an SVG, a PNG and a text besides the modules; scale 1 without margin keeps those
 * three as cheap as they get. The module is read from disk, as it would be fetched from a CDN otherwise.
 */
export async function loadEncoder(): Promise<Encode> {
  const wasm = await readFile(fileURLToPath(import.meta.resolve('zxing-wasm/writer/zxing_writer.wasm')));
  const overrides = { wasmBinary: new Uint8Array(wasm).buffer };
  const zxing = await prepareZXingModule({ overrides, fireImmediately: true });
  const plain = { scale: 1, rotate: 0, invert: false, addHRT: false, addQuietZones: false };
  return (request) => {
    const format = encoderFormats[request.symbology];
    const result = zxing.writeBarcodeFromText(request.text, { ...plain, format, options: optionsOf(request) });
    if (result.error !== '') return { ok: false, problems: [problemOf(request.symbology, result.error)] };
    return { ok: true, modules: result.symbol };
  };
}

function optionsOf(request: BarcodeRequest): string {
  const ecLevel = request.ecLevel === undefined ? '' : `ecLevel=${request.ecLevel}`;
  return ecLevel;
}

/** zint's messages read "Error 562: Input length 40 too long (maximum 35) (retval: 5)". */
function problemOf(symbology: Symbology, error: string): FieldProblem {
  const reason = error.replace(/^Error \d+: /, '').replace(/ \(retval: \d+\)$/, '');
  const rule = /too long|too large|too many/i.test(reason)
    ? 'too-long'
    : /character/i.test(reason)
      ? 'charset'
      : 'encodable';
  return { field: 'text', rule, detail: `${specOf(symbology).title}: ${reason}` };
}
