import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settlingOf } from '../../fleet/checkers/settling.ts';

const requests = (...starts: number[]) => starts.map((startMs) => ({ startMs, endMs: startMs + 50 }));
const served = new Map([
  ['one', requests(0, 10, 1010, 1020, 1030)],
  ['other', requests(2000, 2300)],
]);

test('settlingOf: the time from the shift to the level', () => {
  assert.deepEqual(settlingOf(served, [{ host: 'one', startMs: 1000, endMs: 2000 }], 3), [
    { host: 'one', afterMs: 30, mostInFlight: 3 },
  ]);
});

test('settlingOf: a host that has its permits already needs no time', () => {
  assert.deepEqual(settlingOf(served, [{ host: 'one', startMs: 1045, endMs: 2000 }], 3), [
    { host: 'one', afterMs: 0, mostInFlight: 3 },
  ]);
});

test('settlingOf: a level that is not reached before demand moves on is never reached', () => {
  const shifts = [
    { host: 'one', startMs: 1000, endMs: 1025 },
    { host: 'other', startMs: 1900, endMs: 3000 },
    { host: 'nobody', startMs: 0, endMs: 3000 },
  ];
  assert.deepEqual(
    settlingOf(served, shifts, 3).map(({ afterMs, mostInFlight }) => [afterMs, mostInFlight]),
    [
      [Infinity, 2],
      [Infinity, 1],
      [Infinity, 0],
    ],
  );
});
