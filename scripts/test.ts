// npm test: every check and every test that needs no more than this machine.
import { runChecks } from './checks.ts';
import { ensureTestTools } from './test-tools.ts';
import { conclude, runTests } from './run-tests.ts';

ensureTestTools();
const count = { ...runChecks(), skipped: 0 };
await runTests('test/unit/**/*.test.ts', 2, count);
/** What they show goes by rates and waits: beside others they would measure those. */
const quiet: ReadonlySet<string> = new Set([
  'admission',
  'backend-faults',
  'cache-coalescing',
  'faults',
  'hang',
  'late-refusals',
  'leases',
  'pm2',
  'rate-limits',
  'spread',
  'takeover',
]);
const needsQuiet = (name: string): boolean => quiet.has(name) || name.startsWith('lab-');
await runTests('test/integration/**/*.test.ts', 2, count, (name) => !needsQuiet(name));
await runTests('test/integration/**/*.test.ts', 1, count, needsQuiet);
conclude(count);
