import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOver as run } from '../../support/runner.ts';

/** The last line of a run over files with these texts, and its exit code. */
function runOver(files: Readonly<Record<string, string>>): { last: string; code: number | null } {
  const head = (): string => "import { after, afterEach, test } from 'node:test';";
  const { lines, code } = run(files, 'await runTogether(files, 2, count);', head);
  return { last: lines.at(-1) ?? '', code };
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
