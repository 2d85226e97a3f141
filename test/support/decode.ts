import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  AztecCodeReader,
  BinaryBitmap,
  DecodeHintType,
  HybridBinarizer,
  MaxiCodeReader,
  PDF417Reader,
  RGBLuminanceSource,
} from '@zxing/library';
import { type ReadInputBarcodeFormat, prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';
import type { Symbology } from '../../src/barcode/symbologies.ts';
import { type Raster, pgmOf, rasterOfPng, rasterOfSvg } from './raster.ts';

/*
 * Readers, none of which shares code with the encoders (our own for QR Code, zint for the rest):
 *   zbarimg          Debian's zbar-tools: QR Code and what has bars, except the DataBar forms it does not know
 *   dmtxread         Debian's dmtx-utils: Data Matrix, as a second reader
 *   zxing-cpp        inside zxing-wasm/reader: the other matrices and stacked symbols
 *   @zxing/library   the port of the Java ZXing, as a second reader of PDF417, Aztec and MaxiCode in ASCII; it
 *                    drops declared character sets, and stumbles over some Data Matrix
 */
export interface Image {
  readonly symbology: Symbology;
  /** A PNG file, an SVG document, or pixels. */
  readonly image: Buffer | string | Raster;
}

const zbarNames: Partial<Record<Symbology, string>> = {
  qrcode: 'qrcode',
  code128: 'code128',
  code39: 'code39',
  code93: 'code93',
  codabar: 'codabar',
  itf: 'i25',
  ean13: 'ean13',
  ean8: 'ean8',
  // zbarimg sees a UPC-A as a special EAN-13.
  upca: 'ean13 upca',
  upce: 'upce',
  isbn: 'ean13',
  itf14: 'i25',
  gs1128: 'code128',
  gs1qrcode: 'qrcode',
  gs1dlqrcode: 'qrcode',
  databar: 'databar',
  databarexpanded: 'databar-exp',
};

const zxingNames: Partial<Record<Symbology, ReadInputBarcodeFormat>> = {
  microqrcode: 'MicroQRCode',
  rmqr: 'RMQRCode',
  datamatrix: 'DataMatrix',
  aztec: 'Aztec',
  maxicode: 'MaxiCode',
  gs1datamatrix: 'DataMatrix',
  gs1dldatamatrix: 'DataMatrix',
  pdf417: 'PDF417',
  micropdf417: 'MicroPDF417',
  databarlimited: 'DataBarLtd',
  databarstacked: 'DataBarStk',
  databarstackedomni: 'DataBarStkOmni',
  databarexpandedstacked: 'DataBarExpStk',
};

/** A text for each symbology that does not take any. */
export const exampleTexts: Partial<Record<Symbology, string>> = {
  microqrcode: 'Rampart',
  code39: 'CODE-39 $/+%.',
  codabar: 'A40156:/.+-$B',
  itf: '00012345678905',
  ean13: '3258561130200',
  ean8: '76139321',
  upca: '012345678905',
  upce: '01234565',
  isbn: '978-1-56581-231-4',
  itf14: '09501101530003',
  gs1128: '(01)09501101530003(10)ABC',
  gs1datamatrix: '(01)09501101530003(10)ABC',
  gs1qrcode: '(01)09501101530003(10)ABC',
  gs1dlqrcode: 'https://id.gs1.org/01/09501101530003/10/ABC?17=261231',
  gs1dldatamatrix: 'https://id.gs1.org/01/09501101530003/10/ABC?17=261231',
  databar: '09501101530003',
  databarlimited: '09501101530003',
  databarstacked: '09501101530003',
  databarstackedomni: '09501101530003',
  databarexpanded: '(01)09501101530003(10)ABC',
  databarexpandedstacked: '(01)09501101530003(10)ABC',
};

const debianPackages = { zbarimg: 'zbar-tools', dmtxread: 'dmtx-utils', gs: 'ghostscript' };

/** Why images cannot be read on this machine, or false; in CI that is an error instead. */
export function readersMissing(...programs: (keyof typeof debianPackages)[]): string | false {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length === 0) return false;
  const which = missing.map((program) => `${program} is missing (Debian package ${debianPackages[program]})`);
  const reason = `skipped, because ${which.join(' and ')}`;
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

/** What a reader makes of each image, in order; undefined where it finds nothing. Many images cost little more than one. */
export async function decodeAll(images: readonly Image[]): Promise<(string | undefined)[]> {
  const texts: (string | undefined)[] = [];
  const forZbar = new Map<string, number[]>();
  await loadZxing();
  for (const [index, { symbology, image }] of images.entries()) {
    const zbarName = zbarNames[symbology];
    if (zbarName === undefined) texts[index] = await readWithZxing(symbology, fileOf(image));
    else forZbar.set(zbarName, [...(forZbar.get(zbarName) ?? []), index]);
  }
  for (const [name, indices] of forZbar) {
    const found = await readWithZbar(
      name,
      indices.flatMap((index) => images[index]?.image ?? []),
    );
    indices.forEach((index, at) => (texts[index] = found[at]));
  }
  return texts;
}

/** What a reader gives back for a text: DataBar's carries the identifier of a GTIN, or loses its brackets. */
export function readingOf(symbology: Symbology, text: string): string {
  if (symbology.startsWith('databarexpanded')) return text.replace(/[()]/g, '');
  if (symbology === 'isbn') return text.replaceAll('-', '');
  // FNC1 ends an element of variable length, unless it is the last; the examples have one such element, at the end.
  if (symbology === 'gs1128' || symbology === 'gs1datamatrix' || symbology === 'gs1qrcode')
    return text.replace(/[()]/g, '');
  return symbology.startsWith('databar') ? `01${text}` : text;
}

function rasterOf(image: Image['image']): Raster {
  if (Buffer.isBuffer(image)) return rasterOfPng(image);
  return typeof image === 'string' ? rasterOfSvg(image, PIXELS_PER_UNIT) : image;
}

const PIXELS_PER_UNIT = 8;

/** Our PNG as it is, so that the reader's own decoder judges it too; anything else as PGM. */
function fileOf(image: Image['image']): Buffer {
  if (Buffer.isBuffer(image)) return image;
  return pgmOf(rasterOf(image));
}

const run = promisify(execFile);
const batchSize = 250;

async function readWithZbar(name: string, images: readonly Image['image'][]): Promise<(string | undefined)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rampart-decode-'));
  try {
    const files = await Promise.all(
      images.map(async (image, index) => {
        const file = join(folder, Buffer.isBuffer(image) ? `${index}.png` : `${index}.pgm`);
        await writeFile(file, fileOf(image));
        return file;
      }),
    );
    const texts: (string | undefined)[] = [];
    for (let from = 0; from < files.length; from += batchSize) {
      texts.push(...(await runZbar(name, files.slice(from, from + batchSize))));
    }
    return texts;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runZbar(name: string, files: readonly string[]): Promise<(string | undefined)[]> {
  const options = ['--nodbus', '--quiet', '-Sdisable', ...name.split(' ').map((one) => `-S${one}.enable`)];
  const stdout = await zbarimg([...options, '--xml', ...files]);
  const byFile = new Map<string, string>();
  for (const [, file = '', content = ''] of stdout.matchAll(/<source href='([^']*)'>(.*?)<\/source>/gs)) {
    const [, base64, text] = /<data( format='base64'[^>]*)?><!\[CDATA\[(.*?)\]\]><\/data>/s.exec(content) ?? [];
    if (text === undefined) continue;
    // zbarimg 0.23 garbles bytes beyond ASCII in its base64; alone and raw they come out right.
    byFile.set(file, base64 === undefined ? text : await zbarimg([...options, '--raw', '-Sbinary', file]));
  }
  return files.map((file) => byFile.get(file));
}

async function zbarimg(options: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('zbarimg', options, { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    // Exit code 4 says that some image held no barcode.
    if ((error as { code?: unknown }).code === 4) return (error as { stdout: string }).stdout;
    throw error;
  }
}

export async function loadZxing(): Promise<void> {
  const wasm = await readFile(fileURLToPath(import.meta.resolve('zxing-wasm/reader/zxing_reader.wasm')));
  const overrides = { wasmBinary: new Uint8Array(wasm).buffer };
  await prepareZXingModule({ overrides, equalityFn: () => true, fireImmediately: true });
}

async function readWithZxing(symbology: Symbology, file: Buffer): Promise<string | undefined> {
  const format = zxingNames[symbology];
  if (format === undefined) throw new Error(`No reader for ${symbology}`);
  const [found] = await readBarcodes(file, { formats: [format], textMode: 'Plain', maxNumberOfSymbols: 1 });
  return found?.isValid === true ? found.text : undefined;
}

/** How long dmtxread may look for a symbol; it takes some 10 ms where there is one. */
const DMTX_LIMIT_MS = 5_000;

/** What libdmtx reads in a Data Matrix; undefined where it finds nothing. */
export async function dmtxReading(image: Image['image']): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'rampart-decode-'));
  try {
    const file = join(folder, Buffer.isBuffer(image) ? 'image.png' : 'image.pgm');
    await writeFile(file, fileOf(image));
    const { stdout } = await run('dmtxread', ['-N1', `-m${DMTX_LIMIT_MS}`, file], { encoding: 'buffer' });
    // It gives bytes as they are, and a declared character set as its number before them: 26 is UTF-8.
    return stdout[0] === 26 ? stdout.subarray(1).toString() : stdout.toString('latin1');
  } catch (error) {
    // Exit code 1 says that the image held no barcode.
    if ((error as { code?: unknown }).code === 1) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const javaReaders = { pdf417: PDF417Reader, aztec: AztecCodeReader, maxicode: MaxiCodeReader };

/** What the port of the Java ZXing reads; throws where it finds nothing. */
export function secondReading(symbology: keyof typeof javaReaders, image: Image['image']): string {
  const { grey, width, height } = rasterOf(image);
  const source = new RGBLuminanceSource(new Uint8ClampedArray(grey), width, height);
  const bitmap = new BinaryBitmap(new HybridBinarizer(source));
  const hints = new Map([[DecodeHintType.PURE_BARCODE, symbology === 'maxicode']]);
  return new javaReaders[symbology]().decode(bitmap, hints).getText();
}
