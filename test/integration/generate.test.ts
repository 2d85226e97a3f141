import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ZipReader } from '../../src/core/zip-reader.ts';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { endProcess, runRampart, spawnRampart, type Stack, startStack } from '../support/stack.ts';
import { eventually } from '../support/raw.ts';

const codes = ['4006381333931', '76139321', '012345678905'];

describe('rampart generate', () => {
  let stack: Stack;
  let folder: string;
  before(async () => {
    stack = await startStack();
    folder = join(stack.dataDir, 'lists');
    mkdirSync(folder);
  });
  after(async () => assert.equal(await stack.stop(), 0));

  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const generate = (...args: string[]) => runRampart(['generate', ...args], { ...stack.env, RAMPART_KEY: stack.key });
  const records = async (): Promise<number> => {
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    return Number((await queryOnce(url, 'SELECT count(*)::int AS n FROM barcodes'))[0]?.['n']);
  };

  test('retail codes become images in a folder, each named by its row', async () => {
    const list = put('products.csv', `code,name\n${codes.map((code) => `${code},x`).join('\n')}\n`);
    const out = join(folder, 'out');
    const { code, stdout, stderr } = await generate(list, '--out', out, '--name', '{row}_{code}');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^3 made, 0 were there, 0 failed, in \d+ s\n$/);
    assert.match(stderr, /3\/3/);
    assert.deepEqual(readdirSync(out).sort(), codes.map((text, index) => `${index + 1}_${text}.svg`).sort());
    assert.match(readFileSync(join(out, '1_4006381333931.svg'), 'utf8'), /^<svg/);
  });

  test('rows that cannot be made are named with their reasons, and the exit code is 1', async () => {
    const list = put('some.csv', `code\n${codes[0]}\n4006381333932\nABC\n`);
    const { code, stdout } = await generate(list, '--out', join(folder, 'some'));
    assert.equal(code, 1);
    assert.match(stdout, /1 made, 0 were there, 2 failed/);
    assert.match(stdout, /row 2 '4006381333932': invalid-request: /);
    assert.match(stdout, /row 3 'ABC': no-symbology: /);
  });

  test('a second run makes what is missing, and no record twice', async () => {
    const list = put('again.jsonl', codes.map((code) => JSON.stringify({ code })).join('\n'));
    const out = join(folder, 'again');
    assert.equal((await generate(list, '--out', out)).code, 0);
    const before = await records();
    rmSync(join(out, `2-${codes[1]}.svg`));
    const { stdout } = await generate(list, '--out', out);
    assert.match(stdout, /1 made, 2 were there, 0 failed/);
    assert.equal(await records(), before);
  });

  test('an archive has the images in the order of the rows, and a run that was killed is taken up', async () => {
    const texts = Array.from({ length: 400 }, (_, index) => `archive ${index + 1}`);
    const list = put('many.tsv', `text\n${texts.join('\n')}\n`);
    const out = join(folder, 'labels.zip');
    const args = ['generate', list, '--symbology', 'qrcode', '--format', 'png', '--out', out, '--name', '{row}'];
    const first = spawnRampart(args, { ...stack.env, RAMPART_KEY: stack.key });
    await eventually('some are there', () => existsSync(`${out}.parts`) && readdirSync(`${out}.parts`).length > 20);
    await endProcess(first, 'SIGKILL');
    assert.ok(!existsSync(out));
    const { code, stdout } = await generate(...args.slice(1));
    assert.equal(code, 0);
    assert.match(stdout, /^\d+ made, [1-9]\d* were there, 0 failed/);
    const zip = new ZipReader(readFileSync(out));
    assert.equal(zip.read('400.png', 1_000_000)?.toString('latin1', 1, 4), 'PNG');
    assert.ok(!existsSync(`${out}.parts`));
  });

  test('an archive that has all images stays as it is, and one that lacks some takes the others over', async () => {
    const list = put('whole.csv', `code\n${codes.join('\n')}\n`);
    const out = join(folder, 'whole.zip');
    assert.equal((await generate(list, '--out', out, '--name', '{row}')).code, 0);
    const before = { inode: statSync(out).ino, records: await records() };
    const again = await generate(list, '--out', out, '--name', '{row}');
    assert.deepEqual([again.code, again.stdout.replace(/, in .*\n/, '')], [0, '0 made, 3 were there, 0 failed']);
    assert.deepEqual({ inode: statSync(out).ino, records: await records() }, before);
    assert.ok(!existsSync(`${out}.parts`));

    put('whole.csv', `code\n${codes.join('\n')}\n4012345678901\n`);
    const more = await generate(list, '--out', out, '--name', '{row}');
    assert.match(more.stdout, /^1 made, 3 were there, 0 failed/);
    const zip = new ZipReader(readFileSync(out));
    assert.deepEqual(zip.names, ['1.svg', '2.svg', '3.svg', '4.svg']);
    for (const name of zip.names) assert.match(zip.read(name, 1_000_000)?.toString() ?? '', /^<svg/);
    assert.ok(!existsSync(`${out}.parts`));

    // What is no archive is none of ours, and is made again.
    writeFileSync(out, 'no archive');
    assert.match((await generate(list, '--out', out, '--name', '{row}')).stdout, /^4 made, 0 were there/);
    assert.equal(new ZipReader(readFileSync(out)).names.length, 4);
  });

  test('waits as Retry-After says, for all requests at once', async () => {
    const times: number[] = [];
    const server = createServer((req, res) => {
      req.resume();
      times.push(performance.now());
      if (times.length === 1)
        res.writeHead(429, { 'retry-after': '1', 'content-type': 'application/problem+json' }).end('{}');
      else res.writeHead(201, { 'content-type': 'image/svg+xml' }).end('<svg/>');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const list = put('wait.csv', `text\n${Array.from({ length: 5 }, (_, index) => `w${index}`).join('\n')}\n`);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`;
    const options = ['--symbology', 'qrcode', '--url', url, '--out', join(folder, 'wait'), '--parallel', '1'];
    const { code, stdout } = await generate(list, ...options);
    server.close();
    assert.equal(code, 0, stdout);
    assert.equal(times.length, 6);
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 990);
  });

  for (const [name, args, expected] of [
    ['no key', ['--key', ''], /API key/],
    ['a column that is not there', ['--column', 'x'], /no column 'x'/],
    ['a name with an unknown column', ['--name', '{x}'], /\{x\}, which is no column/],
    ['a symbology that is not there', ['--symbology', 'ean31'], /ean31/],
    ['an encoding that is not there', ['--encoding', 'latin'], /latin1.*did you mean latin1/],
    ['a delimiter of two characters', ['--delimiter', ';;'], /one character/],
  ] as const)
    test(`wrong usage: ${name}`, async () => {
      const list = put('usage.csv', `code\n${codes[0]}\n`);
      const { code, stderr } = await generate(list, '--out', join(folder, 'usage'), ...args);
      assert.equal(code, 2);
      assert.match(stderr, expected);
    });

  test('a key that is not known ends the run, and says that the same command goes on', async () => {
    const list = put('key.csv', `code\n${codes[0]}\n`);
    const { code, stdout } = await generate(list, '--out', join(folder, 'key'), '--key', `rk_${'x'.repeat(32)}`);
    assert.equal(code, 1);
    assert.match(stdout, /It ended early, as the key is not known/);
  });
});
