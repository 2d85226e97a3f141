import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchItemId, uuidv7, uuidv7Time } from '../../../src/core/ids.ts';

const batch = '019ac4e0-1234-7abc-8def-0123456789ab';

test('batchItemId: a UUIDv7 with the time of its batch, the same for the same item', () => {
  const id = batchItemId(batch, 1);
  assert.equal(uuidv7Time(id), uuidv7Time(batch));
  assert.equal(batchItemId(batch, 1), id);
  assert.equal(id, '019ac4e0-1234-7000-8266-d4a10feda097');
});

test('batchItemId: ids sort as the items do, and no two are the same', () => {
  const items = [0, 1, 31, 32, 33, 4095, 4096, 99_999, 100_000, 131_071];
  const ids = items.map((item) => batchItemId(batch, item));
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, items.length);
  assert.throws(() => batchItemId(batch, 131_072), RangeError);
});

test('batchItemId: two batches of the same millisecond have no id in common', () => {
  const [one, two] = [uuidv7(1_700_000_000_000), uuidv7(1_700_000_000_000)];
  assert.notEqual(batchItemId(one, 5), batchItemId(two, 5));
});
