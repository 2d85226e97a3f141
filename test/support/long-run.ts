/** Whether npm run test:long runs this: then tests take their whole number of rounds and pages, which npm test has no time for. */
const isLongRun = process.env['RAMPART_TEST_LONG'] !== undefined;

/** The whole of what a test tries in npm run test:long, and the part of it that npm test has time for. */
export const wholeOr = <T>(whole: T, part: T): T => (isLongRun ? whole : part);
