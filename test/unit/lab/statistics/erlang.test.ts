import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitingShare, waitQuantileMs, waitsLonger } from '../../../../src/lab/statistics/erlang.ts';

const near = (value: number, expected: number, tolerance = 1e-3): void =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${value}, expected ${expected}`);

test('waitingShare has the known values of Erlang C', () => {
  near(waitingShare(1, 0.8), 0.8);
  // Two slots at 1 Erlang: a^2 / 2 / (1 - a / 2) / (1 + a + a^2 / (2 - a)) = 1 / 3.
  near(waitingShare(2, 1), 1 / 3);
  near(waitingShare(10, 8), 0.4092);
  assert.equal(waitingShare(4, 4), 1);
  near(waitingShare(5000, 4900), 0.1, 0.1);
});

const queue = { slots: 1, offered: 0.8, serviceMs: 10, variability: 1 };

test('the wait of M/M/1 is exponential: 0.8 exp(-t / 50 ms)', () => {
  near(waitsLonger(queue, 0), 0.8);
  near(waitsLonger(queue, 50), 0.8 / Math.E);
  near(waitQuantileMs(queue, 0.95), 50 * Math.log(0.8 / 0.05), 1e-9);
  assert.equal(waitQuantileMs(queue, 0.1), 0);
});

test('equal service times halve the wait, and a full queue has no bound', () => {
  near(waitQuantileMs({ ...queue, variability: 0 }, 0.95), 25 * Math.log(16), 1e-9);
  assert.equal(waitQuantileMs({ ...queue, offered: 1 }, 0.95), Number.POSITIVE_INFINITY);
  assert.equal(waitsLonger({ ...queue, offered: 1.2 }, 1e6), 1);
});
