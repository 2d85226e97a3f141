import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { root } from './root.ts';

export interface TestCount {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs the test files that match, `concurrency` files at a time, and prints each test. `isWanted`: by the file's name. */
export async function runTests(
  pattern: string,
  concurrency: number,
  count: TestCount,
  isWanted: (name: string) => boolean = () => true,
): Promise<void> {
  const files = globSync(pattern, { cwd: root })
    .filter((file) => isWanted(basename(file, '.test.ts')))
    .toSorted()
    .map((file) => join(root, file));
  if (files.length === 0) throw new Error(`No test file matches ${pattern}`);
  const stream = run({ files, concurrency, timeout: 10 * 60_000 });
  stream.on('test:pass', ({ details, skip }) => {
    if (details.type === 'suite') return;
    if (skip === undefined) count.passed++;
    else count.skipped++;
  });
  stream.on('test:fail', ({ details }) => {
    if (details.type !== 'suite') count.failed++;
  });
  await new Promise<void>((resolve, reject) => {
    stream.compose(new spec()).on('end', resolve).on('error', reject).pipe(process.stdout, { end: false });
  });
}

/** Prints the closing line and sets the exit code: in CI a skipped test counts as a failure. */
export function conclude({ passed, failed, skipped }: TestCount): void {
  if (skipped > 0 && process.env['CI'] !== undefined)
    console.log('In CI no test may be skipped: each one says above why it was.');
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 || (skipped > 0 && process.env['CI'] !== undefined) ? 1 : 0;
}
