// npm run test:long: the tests that measure for minutes, one file at a time on a machine that should be quiet.
import { isLong } from './long-tests.ts';
import { conclude, runTests } from './run-tests.ts';
import { ensureTestTools } from './test-tools.ts';

ensureTestTools();
const count = { passed: 0, failed: 0, skipped: 0 };
await runTests('test/integration/**/*.test.ts', 1, count, isLong);
conclude(count);
