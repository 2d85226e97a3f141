import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const runner = pathToFileURL(join(import.meta.dirname, '../../scripts/run-tests.ts')).href;

/**
 * The lines and the exit code of a run of scripts/run-tests.ts over files with these texts. `run`: code that gets the names of that
 * module, `files` (a pattern) and `count`; `head`: what each file begins with, by its path without its ending.
 */
export function runOver(
  files: Readonly<Record<string, string>>,
  run: string,
  head: (path: string) => string,
): { lines: string[]; code: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-runner-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(`${path}.test.mjs`, `${head(path)}\n${text}\n`);
    }
    const main = join(folder, 'main.mjs');
    writeFileSync(
      main,
      `const { conclude, noTests, runAgain, runTests, runTogether } = await import(${JSON.stringify(runner)});
      const files = ${JSON.stringify(join(folder, '*.test.mjs'))};
      const count = noTests();
      ${run}
      conclude(count);`,
    );
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout, status } = spawnSync(process.execPath, [main], { env, encoding: 'utf8' });
    return { lines: stdout.trimEnd().split('\n'), code: status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
