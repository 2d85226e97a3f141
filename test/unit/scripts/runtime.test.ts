import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Runtime {
  readonly isClone: boolean;
  isAtLeast(version: string, wanted: string): boolean;
  findNode(): string;
  programFile(path: string): string;
}

const file = fileURLToPath(new URL('../../../scripts/runtime.mjs', import.meta.url));
const runtime = (await import(file)) as Runtime;
const folder = mkdtempSync(join(tmpdir(), 'rampart-runtime-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The same script in an installed package that names these versions of Node, none of which is installed. */
async function installedWith(name: string, optionalDependencies: Record<string, string>): Promise<Runtime> {
  mkdirSync(join(folder, name, 'scripts'), { recursive: true });
  copyFileSync(file, join(folder, name, 'scripts', 'runtime.mjs'));
  writeFileSync(join(folder, name, 'package.json'), JSON.stringify({ optionalDependencies }));
  return (await import(join(folder, name, 'scripts', 'runtime.mjs'))) as Runtime;
}

const platform = `${process.platform}-${process.arch}`;

test('findNode without the package for this platform: the Node of the shell, if it is new enough', async () => {
  const here = await installedWith('same', { [`node-${platform}`]: process.versions.node });
  assert.equal(here.findNode(), process.execPath);
  assert.deepEqual(
    [here.isClone, here.programFile('cli/main')],
    [false, join(folder, 'same', 'dist', 'cli', 'main.js')],
  );
  const older = await installedWith('newer', { [`node-${platform}`]: '99.0.0' });
  assert.throws(
    () => older.findNode(),
    /^Error: Cannot run Rampart, as it needs Node 99\.0\.0 or newer: got \d.*Install Rampart with its optional dependencies/,
  );
});

test('findNode on a platform that no package is for: the newest version of the others counts', async () => {
  const here = await installedWith('elsewhere', { 'node-plan9-mips': '99.9.1', 'node-bin-plan9-vax': '99.10.0' });
  assert.throws(() => here.findNode(), /needs Node 99\.10\.0 or newer/);
});

test('isAtLeast compares versions by number, part by part', () => {
  for (const [version, wanted, expected] of [
    ['26.12.1', '26.12.1', true],
    ['26.12.1', '26.9.3', true],
    ['27.0.0', '26.12.1', true],
    ['26.9.3', '26.12.1', false],
    ['24.22.3', '26.12.1', false],
    ['26.13.0-nightly', '26.12.1', true],
  ] as const)
    assert.equal(runtime.isAtLeast(version, wanted), expected, `${version} ${wanted}`);
});

test('findNode finds the Node of the npm package for this platform', () => {
  assert.match(
    runtime.findNode(),
    new RegExp(`node_modules/node(-bin)?-${process.platform}-${process.arch}/bin/node$`),
  );
});
