import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const runner = new URL('../../../scripts/run-tests.ts', import.meta.url);

/** The last line of a run over files with these texts, and its exit code. */
function runOver(files: Readonly<Record<string, string>>): { last: string; code: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-together-'));
  try {
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, `${name}.test.mjs`), `import { after, afterEach, test } from 'node:test';\n${text}\n`);
    const main = `
      const { conclude, noTests, runTogether } = await import(${JSON.stringify(pathToFileURL(runner.pathname))});
      const count = noTests();
      await runTogether(${JSON.stringify(join(folder, '*.test.mjs'))}, 2, count);
      conclude(count);`;
    writeFileSync(join(folder, 'main.mjs'), main);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout, status } = spawnSync(process.execPath, [join(folder, 'main.mjs')], { env, encoding: 'utf8' });
    return { last: stdout.trimEnd().split('\n').at(-1) ?? '', code: status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const passes = "test('holds', () => {});";
const fails = "test('breaks', () => { throw new Error('no'); });";
const many = (text: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`file-${index}`, text]));

test('runTogether counts every test of every file, more files than processes and fewer', () => {
  assert.deepEqual(runOver(many(passes)), { last: '14 passed, 0 failed', code: 0 });
  assert.deepEqual(runOver({ one: passes }), { last: '1 passed, 0 failed', code: 0 });
});

test('runTogether: a test that fails, and a file that cannot be loaded, fail the run', () => {
  assert.deepEqual(runOver({ ...many(passes), 'file-0': fails }), { last: '13 passed, 1 failed', code: 1 });
  assert.equal(runOver({ ...many(passes), 'file-0': "import './missing.mjs';" }).code, 1);
  assert.equal(runOver({ ...many(passes), 'file-0': 'process.exit(0);' }).code, 1);
});

test('runTogether: hooks outside a suite run for the tests of their own file alone', () => {
  const hooked = `${passes}\nafterEach(() => { throw new Error('a hook of another file'); });`;
  assert.deepEqual(runOver({ ...many(passes), 'file-0': hooked }), { last: '13 passed, 1 failed', code: 1 });
});
