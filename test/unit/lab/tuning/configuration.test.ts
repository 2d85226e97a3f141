import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changesBetween,
  combinations,
  describe,
  distance,
  isSame,
  settingsOf,
} from '../../../../src/lab/tuning/configuration.ts';
import { baseline, having } from './configurations.ts';

const only = {
  GENERATOR_INSTANCES: [],
  GENERATOR_CONCURRENCY: [],
  GATEWAY_WORKERS: [],
  QUEUE_CAPACITY: [],
  LEDGER_BATCH_SIZE: [],
};

test('combinations has every one once, with the values of the baseline among them', () => {
  const found = combinations({ ...only, GENERATOR_INSTANCES: [4, 2, 4], QUEUE_CAPACITY: [64] }, baseline);
  assert.deepEqual(
    found.map(({ GENERATOR_INSTANCES: instances, QUEUE_CAPACITY: queue }) => [instances, queue]),
    [
      [2, 64],
      [2, 256],
      [4, 64],
      [4, 256],
    ],
  );
  assert.equal(found.filter((each) => isSame(each, baseline)).length, 1);
  assert.deepEqual(combinations(only, baseline), [baseline]);
});

test('changesBetween names what differs', () => {
  assert.deepEqual(changesBetween(baseline, having({ QUEUE_CAPACITY: 64, GENERATOR_CONCURRENCY: 8 })), [
    { name: 'GENERATOR_CONCURRENCY', from: 4, to: 8 },
    { name: 'QUEUE_CAPACITY', from: 256, to: 64 },
  ]);
  assert.deepEqual(changesBetween(baseline, having({})), []);
});

test('distance counts variables that differ, and then factors; a queue of none has one too', () => {
  const far = distance(baseline, having({ QUEUE_CAPACITY: 0 }));
  const near = distance(baseline, having({ QUEUE_CAPACITY: 255 }));
  const two = distance(baseline, having({ QUEUE_CAPACITY: 255, LEDGER_BATCH_SIZE: 199 }));
  assert.equal(distance(baseline, baseline), 0);
  assert.ok(near < far && far < two, `${near} ${far} ${two}`);
});

test('settingsOf and describe say all of it', () => {
  assert.deepEqual(settingsOf(baseline), {
    GENERATOR_INSTANCES: '2',
    GENERATOR_CONCURRENCY: '4',
    GATEWAY_WORKERS: '2',
    QUEUE_CAPACITY: '256',
    LEDGER_BATCH_SIZE: '200',
  });
  assert.equal(describe(baseline), 'generators 2 × 4, workers 2, queue 256, batch 200');
});
