import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { retailSymbology } from '../../src/barcode/retail-symbology.ts';
import { ZipReader } from '../../src/core/zip-reader.ts';
import { BatchClient } from '../support/batch-client.ts';
import { decodeAll, type Image, readersMissing } from '../support/decode.ts';
import { readProducts } from '../support/products.ts';
import { runRampart, type Stack, startStack } from '../support/stack.ts';

const list = fileURLToPath(new URL('../data/products-12000.csv', import.meta.url));
const products = readProducts(list);
const MOST_BYTES = 1_000_000;

describe('12,000 products', { skip: readersMissing('zbarimg'), timeout: 900_000 }, () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack();
  });
  after(async () => assert.equal(await stack.stop(), 0));

  /** The positions whose image does not read as it should. */
  async function misread(images: readonly Image[], expected: readonly string[]): Promise<string[]> {
    const found = await decodeAll(images);
    return expected.flatMap((text, index) =>
      found[index] === text ? [] : [`${index + 1}: '${text}', read as ${found[index]}`],
    );
  }

  test('rampart generate makes all of their codes, its screen is text, and each image reads as its code', async () => {
    const folder = join(stack.dataDir, 'labels');
    mkdirSync(folder);
    const out = join(folder, 'codes.zip');
    const args = ['generate', list, '--column', 'code', '--format', 'png', '--name', '{row}', '--out', out];
    const { code, stdout, stderr } = await runRampart(args, { ...stack.env, RAMPART_KEY: stack.key });
    assert.equal(code, 0, stderr);
    console.log(`    ${`${stderr}${stdout}`.trim().replaceAll('\n', '\n    ')}`);
    assert.match(stdout, /^12,000 made, 0 were there, 0 failed, in [\d a-z]+\n$/);
    // No terminal: nothing moves the cursor.
    assert.match(stderr, /^(?:\[[#-]{30}\] [\d,]+\/12,000 {2}[\d.]+\/s[^\n]*\n)+$/);
    const zip = new ZipReader(readFileSync(out));
    const images = products.map(({ code: text }, index): Image => {
      const symbology = retailSymbology(text);
      const image = zip.read(`${index + 1}.png`, MOST_BYTES);
      assert.ok(symbology !== undefined && image !== undefined, `row ${index + 1}`);
      return { symbology, image: Buffer.from(image) };
    });
    assert.equal(zip.names.length, products.length);
    assert.deepEqual(
      await misread(
        images,
        products.map(({ code: text }) => text),
      ),
      [],
    );
  });

  test('a batch makes all of their names, and each image reads as its name', async () => {
    const client = new BatchClient(stack);
    const id = await client.create(
      products.map(({ name }) => ({ symbology: 'datamatrix', text: name, format: 'png' })),
    );
    const { status, done, failed } = await client.whenEnded(id, 300_000);
    assert.deepEqual([status, done, failed], ['completed', products.length, 0]);
    const reply = await client.fetch(`/v1/batches/${id}/results`, { headers: { accept: 'application/zip' } });
    const zip = new ZipReader(Buffer.from(await reply.arrayBuffer()));
    const images = products.map((_, index): Image => {
      const image = zip.read(`${String(index + 1).padStart(5, '0')}.png`, MOST_BYTES);
      assert.ok(image !== undefined, `item ${index + 1}`);
      return { symbology: 'datamatrix', image: Buffer.from(image) };
    });
    assert.deepEqual(
      await misread(
        images,
        products.map(({ name }) => name),
      ),
      [],
    );
  });
});
