import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spikeStays, usersAt } from '../../../../src/lab/load/user-ramp.ts';

const spike = { normalUsers: 2, peakUsers: 6, normalMs: 1000, riseMs: 400, holdMs: 3000, recoveryMs: 600 };

test('spikeStays: the normal users stay, the crowd comes one by one and leaves at once', () => {
  assert.deepEqual(spikeStays(spike), [
    { fromMs: 0, toMs: 5000 },
    { fromMs: 0, toMs: 5000 },
    { fromMs: 1100, toMs: 4400 },
    { fromMs: 1200, toMs: 4400 },
    { fromMs: 1300, toMs: 4400 },
    { fromMs: 1400, toMs: 4400 },
  ]);
});

test('usersAt: 0 to 100 in 10 seconds are 10 a second', () => {
  const stays = spikeStays({
    normalUsers: 0,
    peakUsers: 100,
    normalMs: 0,
    riseMs: 10_000,
    holdMs: 120_000,
    recoveryMs: 0,
  });
  assert.deepEqual(
    [0, 1000, 5000, 10_000, 129_999, 130_000].map((at) => usersAt(stays, at)),
    [0, 10, 50, 100, 100, 0],
  );
});
