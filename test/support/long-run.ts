/** Whether npm run test:long runs this: then tests take their whole number of rounds and pages, which npm test has no time for. */
export const isLongRun = process.env['RAMPART_TEST_LONG'] !== undefined;
