import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const runner = new URL('../../../scripts/run-tests.ts', import.meta.url);

/** The last lines and the exit code of a run over files with this text; `$SEEN` in it is a file that outlives a run. */
function runOver(files: Record<string, string>): { lines: string[]; code: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-again-'));
  try {
    for (const [name, text] of Object.entries(files))
      writeFileSync(
        join(folder, `${name}.test.mjs`),
        `import { test } from 'node:test'; import { existsSync, writeFileSync } from 'node:fs';
         const seen = ${JSON.stringify(join(folder, `${name}.seen`))};
         const isFirst = !existsSync(seen); writeFileSync(seen, '');\n${text}`,
      );
    const main = `
      const { conclude, noTests, runAgain, runTests } = await import(${JSON.stringify(pathToFileURL(runner.pathname))});
      const count = noTests();
      await runAgain(await runTests(${JSON.stringify(join(folder, '*.test.mjs'))}, 2, count), count);
      conclude(count);`;
    writeFileSync(join(folder, 'main.mjs'), main);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout, status } = spawnSync(process.execPath, [join(folder, 'main.mjs')], {
      env,
      encoding: 'utf8',
    });
    return { lines: stdout.trimEnd().split('\n'), code: status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const once = "test('holds', () => {}); test('waits', () => { if (isFirst) throw new Error('late'); });";
const never = "test('breaks', () => { throw new Error('always'); });";

describe('a test file that failed', () => {
  const cases = { once, never, crash: "if (isFirst) process.exit(7); test('holds', () => {});" };
  for (const [name, text] of Object.entries(cases))
    test(`${name}: counts by its second run alone`, () => {
      const { lines, code } = runOver({ one: text });
      const expected = { once: '2 passed, 0 failed', never: '0 passed, 1 failed', crash: '1 passed, 0 failed' };
      assert.equal(lines.at(-1), expected[name as keyof typeof expected], lines.join('\n'));
      assert.equal(code, name === 'never' ? 1 : 0);
      const unsteady = lines.filter((line) => line.startsWith('Unsteady'));
      assert.equal(unsteady.length, name === 'never' ? 0 : 1, lines.join('\n'));
    });

  test('is not run again among more than five', () => {
    const { lines, code } = runOver({ one: once, two: once, three: once, four: once, five: once, six: once });
    assert.equal(lines.at(-1), '6 passed, 6 failed');
    assert.equal(code, 1);
  });
});
