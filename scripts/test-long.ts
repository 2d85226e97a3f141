// npm run test:long: the tests that measure for minutes, one file at a time on a machine that should be quiet.
import { isLong } from './long-tests.ts';
import { conclude, noTests, runTests } from './run-tests.ts';
import { ensureTestTools } from './test-tools.ts';

ensureTestTools();
const count = noTests();
await runTests('test/integration/**/*.test.ts', 1, count, isLong);
conclude(count);
