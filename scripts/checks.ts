import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './root.ts';

/** The checks that need nothing but the sources. */
const checks: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['types of the console', 'tsc', '-p', 'tsconfig.browser.json'],
  ['lint', 'oxlint', '--deny-warnings'],
  ['format', 'oxfmt', '--check'],
  ['unused code', 'knip', '--no-progress'],
];

/** Runs every check, prints the output of the failed ones, and returns the numbers of passed and failed checks. */
export function runChecks(): { passed: number; failed: number } {
  let failed = 0;
  for (const [name, program, ...args] of checks) {
    const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', program), args, {
      cwd: root,
      encoding: 'utf8',
    });
    console.log(`${status === 0 ? '✔' : '✖'} ${name}`);
    if (status === 0) continue;
    failed++;
    console.log(`${stdout}${stderr}`);
  }
  return { passed: checks.length - failed, failed };
}
