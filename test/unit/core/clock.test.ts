import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openClock } from '../../../src/core/clock.ts';

test('openClock tells of an exception in a timer instead of leaving it uncaught', async () => {
  const errors: unknown[] = [];
  const clock = openClock((error) => errors.push(error));
  const throwing = (message: string) => () => {
    throw new Error(message);
  };
  await new Promise<void>((resolve) => {
    clock.setTimeout(throwing('timer'), 1);
    clock.setTimeLimit(throwing('limit'), 1);
    // A time limit too, as it is called after those that were due before it, however late all of them are.
    clock.setTimeLimit(resolve, 20);
  });
  assert.deepEqual(errors.map(String).toSorted(), ['Error: limit', 'Error: timer']);
});
