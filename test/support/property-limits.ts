import fc from 'fast-check';

/**
 * A property that has failed looks for a smaller example for three minutes, not without end: numbers with many digits have
 * millions of smaller neighbours. The run reports the smallest example that it has found by then.
 */
const LIMIT_MS = 180_000;

fc.configureGlobal({ interruptAfterTimeLimit: LIMIT_MS, markInterruptAsFailure: true });
