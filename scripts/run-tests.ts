import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';
import { root } from './root.ts';

export interface TestCount {
  passed: number;
  failed: number;
  skipped: number;
  /** Tests that failed, and passed when their file ran again alone. */
  unsteady: string[];
  /** The seconds of each file. */
  seconds: Map<string, number>;
}

export const noTests = (): TestCount => ({ passed: 0, failed: 0, skipped: 0, unsteady: [], seconds: new Map() });

/** The tests that failed, by file. */
export type FailedFiles = Map<string, string[]>;

/** More files than these are no accident of timing, so they do not run again. */
const MAX_FILES_AGAIN = 5;

/** Runs the test files that match, `concurrency` files at a time, and prints each test. `isWanted`: by the file's name; `first`: the names that start before all others. */
export async function runTests(
  pattern: string,
  concurrency: number,
  count: TestCount,
  isWanted: (name: string) => boolean = () => true,
  first: readonly string[] = [],
): Promise<FailedFiles> {
  const files = globSync(pattern, { cwd: root })
    .filter((file) => isWanted(basename(file, '.test.ts')))
    .toSorted((one, other) => rankOf(one, first) - rankOf(other, first) || (one < other ? -1 : 1))
    .map((file) => resolve(root, file));
  if (files.length === 0) throw new Error(`No test file matches ${pattern}`);
  return runFiles(files, concurrency, count);
}

/** So many groups give the last ones something to do when a group takes longer. */
const GROUPS = 6;
/** Loaded first, so that it holds for every file of a group. */
const PROPERTY_LIMITS = resolve(root, 'test', 'support', 'property-limits.ts');
const OWN_HOOKS = /^(?:before|after)(?:Each)?\(/m;

/**
 * Runs the test files that match in a few processes, each of which loads many files: a process for each of some hundred short files
 * would spend more time on its start than on its tests. The files share globals, so they must leave them as they found them.
 */
export async function runTogether(pattern: string, concurrency: number, count: TestCount): Promise<FailedFiles> {
  const all = globSync(pattern, { cwd: root })
    .toSorted()
    .map((file) => resolve(root, file));
  if (all.length === 0) throw new Error(`No test file matches ${pattern}`);
  // A hook outside a suite runs for every test of its process.
  const { alone = [], together: files = [] } = Object.groupBy(all, (file) =>
    OWN_HOOKS.test(readFileSync(file, 'utf8')) ? 'alone' : 'together',
  );
  const folder = mkdtempSync(join(tmpdir(), 'rampart-tests-'));
  try {
    const groups = Array.from({ length: Math.min(GROUPS, files.length) }, (_, group) => {
      const own = files.filter((_file, index) => index % GROUPS === group);
      const path = join(folder, `group-${group + 1}.test.mjs`);
      // Static, so that all files are loaded before the first test runs: loading in its midst would delay it by seconds.
      const imports = [PROPERTY_LIMITS, ...own].map((file) => `import '${pathToFileURL(file).href}';\n`);
      writeFileSync(path, [...imports, markEnd(endOf(path))].join(''));
      return path;
    });
    const failed = await runFiles([...groups, ...alone], concurrency, count);
    for (const cut of groups.filter((path) => !existsSync(endOf(path)))) {
      count.failed++;
      console.log(`A test ended its process, so tests of these files did not run:\n${readFileSync(cut, 'utf8')}`);
    }
    return failed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const endOf = (group: string): string => `${group}.end`;

/** Leaves a file when the process has nothing more to do, but not when a test calls `process.exit`. */
const markEnd = (path: string): string =>
  `import { writeFileSync } from 'node:fs';\nprocess.once('beforeExit', () => writeFileSync(${JSON.stringify(path)}, ''));\n`;

function rankOf(file: string, first: readonly string[]): number {
  const rank = first.indexOf(basename(file, '.test.ts'));
  return rank === -1 ? first.length : rank;
}

async function runFiles(files: string[], concurrency: number, count: TestCount): Promise<FailedFiles> {
  const failed: FailedFiles = new Map();
  const stream = run({ files, concurrency, timeout: 10 * 60_000 });
  stream.on('test:pass', ({ details, skip }) => {
    if (details.type === 'suite') return;
    if (skip === undefined) count.passed++;
    else count.skipped++;
  });
  stream.on('test:fail', ({ details, name, file }) => {
    if (details.type === 'suite') return;
    count.failed++;
    const path = file ?? name;
    failed.set(path, [...(failed.get(path) ?? []), name]);
  });
  stream.on('test:summary', ({ file, duration_ms: ms }) => {
    if (file !== undefined) count.seconds.set(relative(root, file), ms / 1000);
  });
  await new Promise<void>((done, reject) => {
    stream.compose(new spec()).on('end', done).on('error', reject).pipe(process.stdout, { end: false });
  });
  return failed;
}

/**
 * Runs each file with a failed test once more, alone, and counts what the second run says.
 *
 * These tests run real processes against real time, so a busy machine can fail one of a thousand. A test that passes now
 * is named at the end as unsteady, because it or the code has a defect; only a test that fails twice fails the run.
 */
export async function runAgain(failed: FailedFiles, count: TestCount): Promise<void> {
  if (failed.size > MAX_FILES_AGAIN) return;
  for (const [file, names] of failed) {
    console.log(`\nRunning ${relative(root, file)} again, alone, because of: ${names.join('; ')}`);
    const again = noTests();
    const failedAgain = await runFiles([file], 1, again);
    if (failedAgain.size > 0 || again.passed === 0) continue;
    count.failed -= names.length;
    count.passed += names.length;
    count.unsteady.push(...names.map((name) => `${relative(root, file)}: ${name}`));
  }
}

/** So many files are named at the end, with their seconds: the run must not grow unnoticed. */
const SLOWEST = 20;

function printSlowest(seconds: TestCount['seconds']): void {
  const slowest = [...seconds].toSorted(([, one], [, other]) => other - one).slice(0, SLOWEST);
  const all = [...seconds.values()].reduce((sum, each) => sum + each, 0);
  console.log(`\n${seconds.size} files, ${Math.round(all)} s by their own times. The slowest, in seconds:`);
  for (const [file, each] of slowest) console.log(`${each.toFixed(1).padStart(7)}  ${file}`);
}

/** Prints the closing line and sets the exit code: in CI a skipped test counts as a failure. */
export function conclude({ passed, failed, skipped, unsteady, seconds }: TestCount): void {
  printSlowest(seconds);
  for (const name of unsteady) console.log(`Unsteady, passed only in a second run alone: ${name}`);
  if (skipped > 0 && process.env['CI'] !== undefined)
    console.log('In CI no test may be skipped: each one says above why it was.');
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 || (skipped > 0 && process.env['CI'] !== undefined) ? 1 : 0;
}
