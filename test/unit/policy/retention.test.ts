import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  dayOf,
  isExpired,
  keptFrom,
  missingDays,
  type Partition,
  partitionName,
  startOfDay,
} from '../../../src/policy/ledger/retention.ts';

const NOON = Date.UTC(2026, 10, 27, 12);
const TODAY = dayOf(NOON);
const partition = (day: number, days = 1, madeAtMs?: number): Partition => ({
  name: partitionName(day),
  fromMs: startOfDay(day),
  toMs: startOfDay(day + days),
  madeAtMs,
});

test('the name of a partition is its day in UTC', () => {
  assert.equal(partitionName(TODAY), 'barcodes_20261127');
  assert.equal(partitionName(0), 'barcodes_19700101');
  assert.equal(partitionName(dayOf(Date.UTC(2026, 1, 28, 23, 59, 59, 999))), 'barcodes_20260228');
  assert.equal(partitionName(dayOf(2 ** 48 - 1)), 'barcodes_0108890802', 'the last day that an id can name');
});

test('partitions are made from yesterday to a week ahead, and none twice', () => {
  assert.deepEqual(
    missingDays([], NOON),
    [-1, 0, 1, 2, 3, 4, 5, 6, 7].map((ahead) => TODAY + ahead),
  );
  assert.deepEqual(missingDays([partition(TODAY), partition(TODAY + 2, 3)], NOON), [
    TODAY - 1,
    TODAY + 1,
    TODAY + 5,
    TODAY + 6,
    TODAY + 7,
  ]);
  const before = { name: 'barcodes_before', fromMs: undefined, toMs: startOfDay(TODAY + 2), madeAtMs: undefined };
  assert.equal(missingDays([before], NOON)[0], TODAY + 2);
});

test('a partition is expired when its last record is, and never with 0 days', () => {
  assert.equal(isExpired(partition(TODAY - 31), NOON, 30), true);
  assert.equal(isExpired(partition(TODAY - 30), NOON, 30), false, 'records of that evening are not 30 days old');
  assert.equal(isExpired(partition(TODAY - 30), startOfDay(TODAY + 1), 30), true);
  assert.equal(isExpired(partition(TODAY - 9000), NOON, 0), false);
});

test('a partition that was made for late records is kept from then on', () => {
  const late = partition(TODAY - 400, 1, NOON - 86_400_000);
  assert.equal(isExpired(late, NOON, 30), false);
  assert.equal(isExpired(late, NOON + 29 * 86_400_000, 30), true);
  assert.equal(isExpired(partition(TODAY + 400), NOON, 30), false, 'of a clock that is ahead');
});

test('whole days are kept', () => {
  assert.equal(keptFrom(NOON, 1), startOfDay(TODAY - 1));
});
