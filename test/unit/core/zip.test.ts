import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MalformedZip, ZipReader } from '../../../src/core/zip-reader.ts';
import { ZipWriter } from '../../../src/core/zip-writer.ts';

const zipOf = (...files: [string, string][]): Buffer => {
  const zip = new ZipWriter();
  return Buffer.concat([...files.map(([name, text]) => zip.add(name, Buffer.from(text))), zip.end()]);
};

test('ZipReader reads what ZipWriter writes, with names beyond ASCII', () => {
  const zip = new ZipReader(zipOf(['a.svg', '<svg/>'], ['Größe.svg', 'ß'], ['empty', '']));
  assert.equal(zip.read('a.svg', 100)?.toString(), '<svg/>');
  assert.equal(zip.read('Größe.svg', 100)?.toString(), 'ß');
  assert.equal(zip.read('empty', 100)?.length, 0);
  assert.equal(zip.read('other', 100), undefined);
});

test('ZipWriter: more files than the first format can count make an archive that another program reads', () => {
  const files = Array.from({ length: 70_000 }, (_, index): [string, string] => [`${index}.txt`, `text ${index}`]);
  const folder = mkdtempSync(join(tmpdir(), 'rampart-zip-'));
  const path = join(folder, 'many.zip');
  writeFileSync(path, zipOf(...files));
  const script =
    'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(len(z.namelist()), z.read("69999.txt").decode(), z.testzip())';
  const { stdout, error } = spawnSync('python3', ['-c', script, path], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  if (error !== undefined) return;
  assert.equal(stdout.trim(), '70000 text 69999 None');
});

test('ZipReader refuses what is damaged, and unpacks no more than it is told', () => {
  const good = zipOf(['a', 'x'.repeat(1000)]);
  assert.throws(() => new ZipReader(Buffer.from('no archive')), MalformedZip);
  assert.throws(() => new ZipReader(good.subarray(100)).read('a', 5000), MalformedZip);
  assert.throws(() => new ZipReader(good).read('a', 10), MalformedZip);
});
