import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type WriteInputBarcodeFormat, prepareZXingModule, writeBarcode } from 'zxing-wasm/writer';
import { type BarcodeRequest, parseBarcodeRequest } from '../../src/barcode/request.ts';
import type { Symbology } from '../../src/barcode/symbologies.ts';
import { createRenderer } from '../../src/generator/render.ts';

export interface RenderBench {
  readonly symbology: Symbology;
  /** Processor time for an image, median over the batches. */
  readonly svgMs: number;
  readonly pngMs: number;
  /** zxing-wasm's own writer on the same texts, which makes both formats in each call. */
  readonly zxingMs: number;
}

type Column = 'code' | 'name';

/** What of a product each symbology gets; codes that do not fit it are left out. */
const cases: readonly (readonly [Symbology, Column, WriteInputBarcodeFormat])[] = [
  ['qrcode', 'name', 'QRCode'],
  ['microqrcode', 'code', 'MicroQRCode'],
  ['rmqr', 'name', 'RMQRCode'],
  ['datamatrix', 'name', 'DataMatrix'],
  ['aztec', 'name', 'AztecCode'],
  ['pdf417', 'name', 'PDF417'],
  ['micropdf417', 'name', 'MicroPDF417'],
  ['maxicode', 'name', 'MaxiCode'],
  ['code128', 'code', 'Code128'],
  ['code39', 'code', 'Code39'],
  ['code93', 'code', 'Code93'],
  ['itf', 'code', 'ITF'],
  ['ean13', 'code', 'EAN13'],
  ['ean8', 'code', 'EAN8'],
  ['databar', 'code', 'DataBarOmni'],
];

const batches = 5;
/** A batch is long enough for process.cpuUsage, which counts in ticks of the scheduler on some systems. */
const batchMs = 60;
/** Images between two looks at the processor time. */
const chunk = 10;

/** Measures what an image costs the processor, by symbology and format, on real products. Takes about 20 s. */
export async function benchRender(): Promise<RenderBench[]> {
  const products = await readProducts();
  const renderer = await createRenderer();
  await loadZxing();
  const results: RenderBench[] = [];
  for (const [symbology, column, zxingFormat] of cases) {
    const requests = requestsOf(symbology, products, column);
    const draw = (format: 'svg' | 'png'): Promise<number> => {
      const drawn = requests.map((request) => ({ ...request, format }));
      return measure(drawn, (request) => void renderer.render(request));
    };
    const scale = requests[0]?.scale ?? 1;
    // One after the other, as the processor time of the whole process is what is read.
    const svgMs = await draw('svg');
    const pngMs = await draw('png');
    const zxingMs = await measure(requests, ({ text }) => writeBarcode(text, { format: zxingFormat, scale }));
    results.push({ symbology, svgMs, pngMs, zxingMs });
  }
  return results;
}

/** The results as lines for a terminal. */
export function renderTable(results: readonly RenderBench[]): string {
  const rows = results.map(({ symbology, svgMs, pngMs, zxingMs }) => [
    symbology,
    svgMs.toFixed(3),
    pngMs.toFixed(3),
    zxingMs.toFixed(3),
    `${(zxingMs / pngMs).toFixed(1)}×`,
  ]);
  const head = ['symbology', 'svg', 'png', 'zxing-wasm', 'png gains'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return ['Processor ms a barcode, at its default scale', line(head), ...rows.map(line)].join('\n');
}

type Products = readonly Readonly<Record<Column, string>>[];

async function readProducts(): Promise<Products> {
  const file = new URL('../../src/lab/data/products-500.csv', import.meta.url);
  const [, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const comma = line.indexOf(',');
    return {
      code: line.slice(0, comma),
      name: line
        .slice(comma + 1)
        .replace(/^"|"$/g, '')
        .replaceAll('""', '"'),
    };
  });
}

async function loadZxing(): Promise<void> {
  const wasm = await readFile(fileURLToPath(import.meta.resolve('zxing-wasm/writer/zxing_writer.wasm')));
  const overrides = { wasmBinary: new Uint8Array(wasm).buffer };
  await prepareZXingModule({ overrides, equalityFn: () => true, fireImmediately: true });
}

function requestsOf(symbology: Symbology, products: Products, column: Column): BarcodeRequest[] {
  return products.flatMap((product) => {
    const text = symbology === 'databar' || symbology === 'itf' ? product.code.padStart(14, '0') : product[column];
    const parsed = parseBarcodeRequest({ symbology, text });
    return parsed.ok ? [parsed.request] : [];
  });
}

async function measure(
  requests: readonly BarcodeRequest[],
  draw: (request: BarcodeRequest) => unknown,
): Promise<number> {
  await batch(requests, draw);
  const costs: number[] = [];
  for (let count = 0; count < batches; count++) costs.push(await batch(requests, draw));
  return costs.toSorted((a, b) => a - b)[batches >> 1] ?? 0;
}

/** Processor ms a request, over as many as fill a batch. */
async function batch(requests: readonly BarcodeRequest[], draw: (request: BarcodeRequest) => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let count = 1; ; count++) {
    await draw(requests[count % requests.length] as BarcodeRequest);
    if (count % chunk !== 0) continue;
    const { user, system } = process.cpuUsage(before);
    if (user + system >= batchMs * 1000) return (user + system) / 1000 / count;
  }
}

if (import.meta.main) process.stdout.write(`${renderTable(await benchRender())}\n`);
