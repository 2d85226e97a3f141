// npm test: every check and every test that needs no more than this machine.
import { runChecks } from './checks.ts';
import { ensureTestTools } from './test-tools.ts';
import { isLong } from './long-tests.ts';
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
/** These tests of the lab look at its words and not at its measurements. */
const anywhere: ReadonlySet<string> = new Set(['lab-own-service', 'lab-strangers', 'lab-truth']);
const needsQuiet = (name: string): boolean => quiet.has(name) || (name.startsWith('lab-') && !anywhere.has(name));
await runTests('test/integration/**/*.test.ts', 2, count, (name) => !needsQuiet(name) && !isLong(name));
await runTests('test/integration/**/*.test.ts', 1, count, (name) => needsQuiet(name) && !isLong(name));
conclude(count);
