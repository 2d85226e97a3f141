import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { prepareZXingModule, type ZXingWriterModule } from 'zxing-wasm/writer';
import type { BarcodeRequest } from '../barcode/request.ts';
import { type EcLevel, type Symbology, specOf } from '../barcode/symbologies.ts';
import type { FieldProblem } from '../barcode/validate.ts';
import { Gs1Checker } from './gs1-checker.ts';
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

const zintFormats: Record<Symbology, string> = {
  qrcode: 'QRCode',
  gs1qrcode: 'QRCode',
  gs1dlqrcode: 'QRCode',
  gs1datamatrix: 'DataMatrix',
  gs1dldatamatrix: 'DataMatrix',
  gs1128: 'Code128',
  // Its frame is ours, because zint draws it without room for the quiet zone.
  itf14: 'ITF',
  isbn: 'EAN13',
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
  const zxing = (await prepareZXingModule({ overrides, fireImmediately: true })) as Zxing;
  const plain = { scale: 1, rotate: 0, invert: false, addHRT: false, addQuietZones: false };
  const qr = new QrEncoder();
  const gs1 = new Gs1Checker();
  return (request) => {
    const { symbology, text, ecLevel } = request;
    if (isPlainQr(request)) return encodeQr(qr, text, ecLevel ?? 'M');
    const wrong = gs1.problem(request);
    if (wrong !== undefined) return { ok: false, problems: [wrong] };
    if (symbology === 'gs1dlqrcode') return encodeQr(qr, text, ecLevel ?? 'M');
    const options = { ...plain, format: zintFormats[symbology], options: optionsOf(request) };
    const result =
      request.data === undefined
        ? zxing.writeBarcodeFromText(zintText(request), options)
        : writeBytes(zxing, Buffer.from(request.data, 'base64'), options);
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
function optionsOf({ symbology, text, data, ecLevel, version, mask, eci, columns }: BarcodeRequest): string {
  // oxlint-disable-next-line no-control-regex -- Latin-1, which needs no declaration, has control characters
  const isLatin1 = /^[\0-\xff]*$/.test(text);
  // Micro QR cannot declare a character set.
  const declared = eci ?? (isLatin1 || symbology === 'microqrcode' || data !== undefined ? undefined : 26);
  return [
    ...(symbology.endsWith('datamatrix') ? ['forceSquare'] : []),
    ...(specOf(symbology).gs1 === 'elements' && !symbology.startsWith('databar') ? ['gs1'] : []),
    ...(declared === undefined ? [] : [`eci=${declared}`]),
    ...(ecLevel === undefined ? [] : [`ecLevel=${ecLevel}`]),
    ...(version === undefined ? [] : [`version=${version}`]),
    ...(mask === undefined ? [] : [`dataMask=${mask}`]),
    ...(columns === undefined ? [] : [`columns=${columns}`]),
  ].join(',');
}

/** Whether our own encoder draws it, which chooses everything itself. */
const isPlainQr = ({ symbology, data, version, mask, eci }: BarcodeRequest): boolean =>
  symbology === 'qrcode' && data === undefined && version === undefined && mask === undefined && eci === undefined;

/** The digits of an ISBN, and an add-on behind its sign. */
function zintText({ symbology, text, addOn }: BarcodeRequest): string {
  const plain = symbology === 'isbn' ? text.replaceAll('-', '') : text;
  return addOn === undefined ? plain : `${plain}+${addOn}`;
}

/** With the memory of its module, which its types leave out. */
type Zxing = ZXingWriterModule & {
  _malloc(bytes: number): number;
  _free(at: number): void;
  readonly HEAPU8: Uint8Array;
};
type WriteOptions = Parameters<Zxing['writeBarcodeFromBytes']>[2];

/** Copies the bytes into the memory of the module, which has no garbage collection. */
function writeBytes(zxing: Zxing, bytes: Buffer, options: WriteOptions): ReturnType<Zxing['writeBarcodeFromBytes']> {
  const at = zxing._malloc(bytes.length);
  try {
    zxing.HEAPU8.set(bytes, at);
    return zxing.writeBarcodeFromBytes(at, bytes.length, options);
  } finally {
    zxing._free(at);
  }
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
