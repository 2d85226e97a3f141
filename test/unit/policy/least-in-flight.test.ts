import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { leastInFlight } from '../../../src/policy/balance/least-in-flight.ts';

const backend = (inFlight: number, cap = 4, available = true) => ({ inFlight, cap, available });

describe('leastInFlight', () => {
  test('chooses the backend with the fewest requests in flight', () => {
    const few = backend(1);
    assert.equal(
      leastInFlight([backend(3), few, backend(2)], () => 0),
      few,
    );
  });

  test('never chooses one at its cap, one that is away, or the excluded one', () => {
    const excluded = backend(0);
    const free = backend(3);
    assert.equal(
      leastInFlight([backend(4), backend(0, 4, false), excluded, free], () => 0, excluded),
      free,
    );
  });

  test('has nothing to choose when all are full or away', () => {
    assert.equal(
      leastInFlight([backend(4), backend(0, 0), backend(0, 4, false)], () => 0),
      undefined,
    );
  });

  test('breaks ties evenly', () => {
    const equals = [backend(1), backend(1), backend(1)];
    const random = seededRandom(7);
    const chosen = equals.map(() => 0);
    for (let round = 0; round < 3000; round++) {
      const index = equals.indexOf(leastInFlight(equals, random) ?? backend(9));
      chosen[index] = (chosen[index] ?? 0) + 1;
    }
    for (const count of chosen) assert.ok(count > 900 && count < 1100, `chosen ${chosen.join(', ')}`);
  });
});
