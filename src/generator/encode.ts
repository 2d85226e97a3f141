import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { prepareZXingModule } from 'zxing-wasm/writer';
import type { BarcodeRequest } from '../barcode/request.ts';
import { type EcLevel, type Symbology, specOf } from '../barcode/symbologies.ts';
import type { FieldProblem } from '../barcode/validate.ts';
import { QrEncoder } from './qr/encoder.ts';

/** A barcode without margin and text: one byte a module, row by row. */
export interface Modules {
  readonly data: Uint8Array | Uint8ClampedArray;
  /** The value of a dark module. */
  readonly dark: 0 | 1;
  readonly width: number;
  readonly height: number;
}

export type Encoded =
  | { readonly ok: true; readonly modules: Modules }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

export type Encode = (request: BarcodeRequest) => Encoded;

const zintFormats: Record<Exclude<Symbology, 'qrcode'>, string> = {
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
 * Loads the encoders: our own for QR Code, and zint, which is what zxing-wasm writes with, for everything else.
 *
 * zint always makes an SVG, a PNG and a text besides the modules; scale 1 without margin keeps those three as
 * cheap as they get. Its module is read from disk, as it would be fetched from a CDN otherwise.
 */
export async function loadEncoder(): Promise<Encode> {
  const wasm = await readFile(fileURLToPath(import.meta.resolve('zxing-wasm/writer/zxing_writer.wasm')));
  const overrides = { wasmBinary: new Uint8Array(wasm).buffer };
  const zxing = await prepareZXingModule({ overrides, fireImmediately: true });
  const plain = { scale: 1, rotate: 0, invert: false, addHRT: false, addQuietZones: false };
  const qr = new QrEncoder();
  return (request) => {
    const { symbology, text, ecLevel } = request;
    if (symbology === 'qrcode') return encodeQr(qr, text, ecLevel ?? 'M');
    const options = optionsOf(symbology, text, ecLevel);
    const result = zxing.writeBarcodeFromText(text, { ...plain, format: zintFormats[symbology], options });
    if (result.error !== '') return { ok: false, problems: [problemOf(symbology, result.error)] };
    const { data, width, height } = result.symbol;
    return { ok: true, modules: { data, width, height, dark: 0 } };
  };
}

/**
 * By default zint declares one of a dozen 8-bit character sets (ECI). Most readers know UTF-8, ECI 26, instead. It
 * would also choose the smallest Data Matrix, which often has a rectangular shape added by ISO/IEC 21471 (DMRE).
 * libdmtx and many scanners do not know these shapes; every reader knows the squares.
 */
function optionsOf(symbology: Symbology, text: string, ecLevel: EcLevel | undefined): string {
  const shape = symbology === 'datamatrix' ? 'forceSquare,' : '';
  const level = `${shape}${ecLevel === undefined ? '' : `ecLevel=${ecLevel}`}`;
  // oxlint-disable-next-line no-control-regex -- Latin-1, which needs no declaration, has control characters
  const latin1 = /^[\0-\xff]*$/.test(text);
  // Micro QR cannot declare a character set.
  return latin1 || symbology === 'microqrcode' ? level : `eci=26,${level}`;
}

function encodeQr(qr: QrEncoder, text: string, level: EcLevel): Encoded {
  const symbol = qr.encode(text, level);
  if (symbol === undefined) {
    const detail = `QR Code: no version holds ${Buffer.byteLength(text)} bytes of text at level ${level}`;
    return { ok: false, problems: [{ field: 'text', rule: 'too-long', detail }] };
  }
  return { ok: true, modules: { data: symbol.modules, width: symbol.size, height: symbol.size, dark: 1 } };
}

/** zint's messages read "Error 562: Input length 40 too long (maximum 35) (retval: 5)". */
function problemOf(symbology: Symbology, error: string): FieldProblem {
  const reason = error.replace(/^Error \d+: /, '').replace(/ \(retval: \d+\)$/, '');
  const rule = /too long|too large|too many/i.test(reason)
    ? 'too-long'
    : /character|unicode/i.test(reason)
      ? 'charset'
      : 'encodable';
  return { field: 'text', rule, detail: `${specOf(symbology).title}: ${reason}` };
}
