// npm run test:long: the tests that measure for minutes, one file at a time on a machine that should be quiet.
import { isLong, longer } from './long-tests.ts';
import { conclude, noTests, runTests } from './run-tests.ts';
import { ensureTestTools } from './test-tools.ts';

ensureTestTools();
process.env['RAMPART_TEST_LONG'] = '1';
const count = noTests();
await runTests('test/integration/**/*.test.ts', 1, count, isLong);
for (const file of longer) await runTests(file, 1, count);
conclude(count);
