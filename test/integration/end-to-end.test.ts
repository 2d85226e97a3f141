import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Symbology } from '../../src/barcode/symbologies.ts';
import { decodeAll, dmtxReading, type Image, readersMissing, secondReading } from '../support/decode.ts';
import { wholeOr } from '../support/long-run.ts';
import { readProducts } from '../support/products.ts';
import { eventually } from '../support/raw.ts';
import { processesOf, type Stack, startStack } from '../support/stack.ts';

/*
 * Who reads what, and what the reader shares with the encoder (our own for QR Code, zint for all others):
 *   zbarimg (libzbar)            EAN-13, EAN-8, UPC-A, QR Code     nothing
 *   dmtxread (libdmtx)           Data Matrix                       nothing
 *   @zxing/library (Java ZXing)  PDF417 and Aztec in Latin-1       nothing
 *   zxing-cpp                    PDF417 and Aztec in other scripts the npm package, zxing-wasm, where it is a module apart
 *                                                                  from zint's; no code that encodes or decodes
 * The programs open our PNG themselves; @zxing/library gets pixels from test/support/raster.ts, as all do of an SVG.
 */
type Reader = 'zbarimg' | 'dmtxread' | '@zxing/library' | 'zxing-cpp';

interface Job {
  readonly symbology: Symbology;
  readonly text: string;
  readonly format: 'png' | 'svg';
}

interface Made extends Job {
  readonly id: string;
  readonly bytes: Buffer;
}

interface PublicRecord {
  readonly id: string;
  readonly symbology: string;
  readonly format: string;
  readonly text: string;
  readonly created_at: string;
}

/** Two barcodes of each product: its code, and its name in one of four symbologies; every fifth product's as SVG. */
function jobsOf(products: ReturnType<typeof readProducts>): Job[] {
  const forNames = ['qrcode', 'datamatrix', 'pdf417', 'aztec'] as const;
  return products.flatMap(({ code, name }, index): Job[] => {
    const format = index % 5 === 0 ? 'svg' : 'png';
    const byName = { symbology: forNames[index % 4] ?? 'qrcode', text: name, format } as const;
    if (code.length === 8) return [{ symbology: 'ean8', text: code, format }, byName];
    if (code.startsWith('0')) return [{ symbology: 'upca', text: code.slice(1), format }, byName];
    return [{ symbology: 'ean13', text: code, format }, byName];
  });
}

function readerOf({ symbology, text }: Job): Reader {
  if (symbology === 'datamatrix') return 'dmtxread';
  if (symbology !== 'pdf417' && symbology !== 'aztec') return 'zbarimg';
  return /^[ -~\xa0-\xff]*$/.test(text) ? '@zxing/library' : 'zxing-cpp';
}

/** The outcome of `work` on each item, in order, `width` of them at a time. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

/** The reading of each image by the reader that it is for, in order; undefined where it finds nothing. */
async function readingsOf(made: readonly Made[]): Promise<(string | undefined)[]> {
  const readings: (string | undefined)[] = [];
  const imageOf = ({ symbology, format, bytes }: Made): Image => ({
    symbology,
    image: format === 'svg' ? bytes.toString() : bytes,
  });
  const by = (...readers: Reader[]) => [...made.entries()].filter(([, job]) => readers.includes(readerOf(job)));
  const many = by('zbarimg', 'zxing-cpp');
  const found = await decodeAll(many.map(([, job]) => imageOf(job)));
  for (const [at, [index]] of many.entries()) readings[index] = found[at];
  await inParallel(by('dmtxread'), 2, async ([index, job]) => {
    readings[index] = await dmtxReading(imageOf(job).image);
  });
  for (const [index, job] of by('@zxing/library')) {
    readings[index] = orUndefined(() => secondReading(job.symbology as 'pdf417' | 'aztec', imageOf(job).image));
  }
  return readings;
}

function orUndefined(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function printTable(made: readonly Made[], readings: readonly (string | undefined)[]): void {
  const rows = new Map<string, { decoded: number; of: number }>();
  for (const [index, job] of made.entries()) {
    const name = `${job.symbology.padEnd(12)}${job.format.padEnd(6)}${readerOf(job).padEnd(16)}`;
    const row = rows.get(name) ?? { decoded: 0, of: 0 };
    rows.set(name, { decoded: row.decoded + (readings[index] === job.text ? 1 : 0), of: row.of + 1 });
  }
  const number = (value: number): string => value.toLocaleString('en-US');
  const decoded = [...rows.values()].reduce((sum, row) => sum + row.decoded, 0);
  console.log(`    ${number(decoded)} of ${number(made.length)} decoded`);
  for (const [name, row] of [...rows].sort()) console.log(`    ${name}${row.decoded} of ${row.of}`);
}

const skip = readersMissing('zbarimg', 'dmtxread');
const PRODUCTS = wholeOr(500, 100);

describe(`${PRODUCTS} products as barcodes`, { skip }, () => {
  let stack: Stack;
  let made: Made[];
  before(async () => {
    stack = await startStack();
  });
  after(async () => {
    assert.equal(await stack.stop(), 0);
    assert.deepEqual(processesOf(stack.dataDir), []);
  });

  const get = (path: string) => fetch(`${stack.url}${path}`, { headers: { 'x-api-key': stack.key } });

  async function create(job: Job): Promise<Made> {
    const headers = { authorization: `Bearer ${stack.key}`, 'content-type': 'application/json' };
    const reply = await fetch(`${stack.url}/v1/barcodes`, { method: 'POST', headers, body: JSON.stringify(job) });
    if (reply.status === 503) {
      // On a machine that stands still for a moment; a client that is well made waits for as long as it is told.
      await reply.arrayBuffer();
      console.log(`    refused, and sent again after ${reply.headers.get('retry-after')} s`);
      await pause(Number(reply.headers.get('retry-after')) * 1000);
      return create(job);
    }
    const bytes = Buffer.from(await reply.arrayBuffer());
    assert.equal(reply.status, 201, `${JSON.stringify(job)}: ${bytes.toString()}`);
    assert.equal(reply.headers.get('content-type'), job.format === 'png' ? 'image/png' : 'image/svg+xml');
    const [, id] = /^\/v1\/barcodes\/([\w-]{36})$/.exec(reply.headers.get('location') ?? '') ?? [];
    assert.ok(id, 'Location names the record');
    return { ...job, id, bytes };
  }

  /** Every record of the key, page by page, as the cursor leads. */
  async function listAll(): Promise<PublicRecord[]> {
    const records: PublicRecord[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ page_size: '75', ...(cursor === null ? {} : { cursor }) });
      const reply = await get(`/v1/barcodes?${query}`);
      assert.equal(reply.status, 200);
      const page = (await reply.json()) as { barcodes: PublicRecord[]; next_cursor: string | null };
      records.push(...page.barcodes);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return records;
  }

  test('all are made, and each is read back as what was sent', async () => {
    const startedAt = performance.now();
    made = await inParallel(jobsOf(readProducts().slice(0, PRODUCTS)), 16, create);
    const madeAt = performance.now();
    const readings = await readingsOf(made);
    const seconds = (from: number, to: number): string => ((to - from) / 1000).toFixed(1);
    printTable(made, readings);
    console.log(`    made in ${seconds(startedAt, madeAt)} s, read in ${seconds(madeAt, performance.now())} s`);
    const wrong = made.flatMap(({ id, symbology, text, format }, index) =>
      readings[index] === text ? [] : [{ id, symbology, format, text, reading: readings[index] }],
    );
    assert.deepEqual(wrong, []);
    assert.equal(made.length, 2 * PRODUCTS);
  });

  test('all are recorded, once each, and listed newest first', async () => {
    let records: PublicRecord[] = [];
    await eventually('PostgreSQL has them all', async () => (records = await listAll()).length >= made.length);
    const facts = ({ id, symbology, format, text }: PublicRecord | Made) => ({ id, symbology, format, text });
    const byId = (left: { id: string }, right: { id: string }): number => (left.id < right.id ? -1 : 1);
    assert.deepEqual(records.map(facts).sort(byId), made.map(facts).sort(byId));
    const times = records.map(({ created_at }) => Date.parse(created_at));
    assert.deepEqual(
      times,
      times.toSorted((left, right) => right - left),
    );
  });

  test('a record and its image come back one by one, byte for byte', async () => {
    for (const { id, symbology, format, text, bytes } of made.filter((_, index) => index % 25 === 0)) {
      const record = await get(`/v1/barcodes/${id}`);
      assert.equal(record.status, 200);
      assert.partialDeepStrictEqual(await record.json(), { id, symbology, format, text });
      const image = await get(`/v1/barcodes/${id}/image`);
      assert.equal(image.status, 200);
      assert.deepEqual(Buffer.from(await image.arrayBuffer()), bytes);
    }
  });

  test('no other client gets them', async () => {
    const [first] = made;
    assert.ok(first);
    const { stdout } = await stack.run('keys', 'create', '--json');
    const { key } = JSON.parse(stdout) as { key: string };
    const headers = { 'x-api-key': key };
    const list = (await (await fetch(`${stack.url}/v1/barcodes`, { headers })).json()) as { barcodes: unknown[] };
    assert.deepEqual(list.barcodes, []);
    assert.equal((await fetch(`${stack.url}/v1/barcodes/${first.id}/image`, { headers })).status, 404);
  });
});
