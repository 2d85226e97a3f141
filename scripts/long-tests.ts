/** Integration tests that measure for minutes: npm run test:long has them, npm test does without. */
const long: ReadonlySet<string> = new Set([
  'lab-classification',
  'lab-queue-oracles',
  'lab-soak',
  'lab-tune',
  'lab-wrk',
]);

/** `name`: of the test file, without its ending. */
export const isLong = (name: string): boolean => long.has(name);
