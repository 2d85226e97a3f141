// npm run house -- REVISION: the files, lines, imports and circles of src, at that revision and now.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { circles, crossesProcesses, folderOf, readSources, type SourceFolder } from '../test/support/imports.ts';
import { root } from './root.ts';

const [revision] = process.argv.slice(2);
if (revision === undefined) {
  console.error('usage: npm run house -- REVISION');
  process.exit(2);
}

interface House {
  readonly source: SourceFolder;
  /** Lines by file. */
  readonly lines: ReadonlyMap<string, number>;
}

function readHouse(folder: string): House {
  const source = readSources(folder);
  const lines = new Map(
    source.files.map((file) => [file, readFileSync(join(folder, file), 'utf8').split('\n').length - 1] as const),
  );
  return { source, lines };
}

/** The folder of a file; those of the gateway are told apart, as each is a room. */
function roomOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'gateway' && parts.length > 2 ? parts.slice(0, 2).join('/') : folderOf(file);
}

function facts({ source, lines }: House): ReadonlyMap<string, string> {
  const counts = [...lines.values()].toSorted((left, right) => left - right);
  const rooms = new Set(source.files.map(roomOf));
  const edges = new Set(
    source.localImports
      .map(({ file, target }) => [folderOf(file), folderOf(target)] as const)
      .filter(([from, to]) => from !== to)
      .map(([from, to]) => `${from} ${to}`),
  );
  const across = source.localImports.filter(crossesProcesses);
  return new Map([
    ['files', String(counts.length)],
    ['lines', String(counts.reduce((sum, each) => sum + each, 0))],
    ['median lines of a file', String(counts[counts.length >> 1])],
    ['longest file', String(counts.at(-1))],
    ['files over 300 lines', String(counts.filter((each) => each > 300).length)],
    ['rooms', String(rooms.size)],
    ['imports between files', String(source.localImports.length)],
    ['folders that import another: pairs', String(edges.size)],
    ['imports from one process to another', String(across.length)],
    ['circles of files, type imports included', String(circles(source.localImports).length)],
  ]);
}

function linesByRoom({ lines }: House): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [file, count] of lines) sums.set(roomOf(file), (sums.get(roomOf(file)) ?? 0) + count);
  return sums;
}

const folder = mkdtempSync(join(tmpdir(), 'rampart-house-'));
try {
  const archive = execFileSync('git', ['archive', revision, 'src'], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  const [before, now] = [readHouse(join(folder, 'src')), readHouse(join(root, 'src'))];
  const [factsBefore, factsNow] = [facts(before), facts(now)];
  console.log(`| src | ${revision} | now |\n|---|---:|---:|`);
  for (const [name, value] of factsNow) console.log(`| ${name} | ${factsBefore.get(name)} | ${value} |`);
  const [roomsBefore, roomsNow] = [linesByRoom(before), linesByRoom(now)];
  console.log(`\n| lines of | ${revision} | now |\n|---|---:|---:|`);
  for (const room of [...new Set([...roomsBefore.keys(), ...roomsNow.keys()])].toSorted())
    console.log(`| ${room} | ${roomsBefore.get(room) ?? '-'} | ${roomsNow.get(room) ?? '-'} |`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
