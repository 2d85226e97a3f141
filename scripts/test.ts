// npm test: every check and every test that needs no more than this machine.
import { runChecks } from './checks.ts';
import { ensureTestTools } from './test-tools.ts';
import { conclude, runTests } from './run-tests.ts';

ensureTestTools();
const count = { ...runChecks(), skipped: 0 };
await runTests('test/unit/**/*.test.ts', 2, count);
// One file at a time: they start whole stacks, and would take the processors from one another.
await runTests('test/integration/**/*.test.ts', 1, count);
conclude(count);
