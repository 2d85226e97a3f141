import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runOver as run } from '../../support/runner.ts';

/** Each file knows whether it runs for the first time, by a file that outlives a run. */
const head = (path: string): string =>
  `import { test } from 'node:test'; import { existsSync, writeFileSync } from 'node:fs';
   const seen = ${JSON.stringify(`${path}.seen`)};
   const isFirst = !existsSync(seen); writeFileSync(seen, '');`;

const runOver = (files: Readonly<Record<string, string>>): ReturnType<typeof run> =>
  run(files, 'await runAgain(await runTests(files, 2, count), count);', head);

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
