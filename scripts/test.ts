// npm test: every check and every test that needs no more than this machine.
import { runChecks } from './checks.ts';
import { ensureTestTools } from './test-tools.ts';
import { isLong } from './long-tests.ts';
import { conclude, noTests, runAgain, runTests, runTogether } from './run-tests.ts';

ensureTestTools();
const count = { ...noTests(), ...runChecks() };
await runTogether('test/unit/**/*.test.ts', 2, count);
/** These tests depend on rates and waits, so they run alone; beside others they would measure the others. */
const quiet: ReadonlySet<string> = new Set([
  'admission',
  'backend-faults',
  'cache-coalescing',
  'faults',
  'fleet',
  'hang',
  'in-flight-limits',
  'late-refusals',
  'leases',
  'pm2',
  'rate-limits',
  'spread',
]);
/** The files that take longest start first: what starts last keeps the end of the run waiting. */
const slowest: readonly string[] = ['start-stop', 'batch-faults', 'reload', 'installed-package'];
const needsQuiet = (name: string): boolean => quiet.has(name) || name.startsWith('lab-');
// Most of them wait for processes and clocks, so more of them than two processors could run get on together.
const failed = await runTests(
  'test/integration/**/*.test.ts',
  3,
  count,
  (name) => !needsQuiet(name) && !isLong(name),
  slowest,
);
const failedQuiet = await runTests(
  'test/integration/**/*.test.ts',
  1,
  count,
  (name) => needsQuiet(name) && !isLong(name),
);
const failedPages = await runTests('test/browser/**/*.test.ts', 2, count);
await runAgain(new Map([...failed, ...failedQuiet, ...failedPages]), count);
conclude(count);
