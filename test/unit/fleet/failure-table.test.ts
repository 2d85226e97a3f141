import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureTable, faultsOfNoEvent } from '../../fleet/failure-table.ts';
import { allFaults } from '../../fleet/faults/faults.ts';
import type { ReportRow } from '../../fleet/report.ts';

const row = (name: string, more: Partial<ReportRow> = {}): ReportRow => ({
  name,
  host: 'host1',
  seconds: 2,
  cap: 24,
  maxInFlight: 24,
  maxAtMs: 0,
  excursions: 0,
  overMs: 0,
  overPermitMs: 0,
  usedShare: 1,
  errors: 'none',
  errorsAtStruck: 0,
  errorsElsewhere: 0,
  outcomes: {},
  ...more,
});

test('every fault is a line of the failure table, but those that are none', () => {
  assert.deepEqual(faultsOfNoEvent(allFaults.map(({ name }) => name)), [
    'cable of a host out',
    'host loses 5 % of its packets',
    'demand at one host only',
  ]);
});

test('a line has the worst of its faults, and one without any says so', () => {
  const table = failureTable([
    row('FLUSHALL', { usedShare: 0.99, errorsElsewhere: 1 }),
    row('Valkey restarted without its data', {
      usedShare: 0.9,
      maxInFlight: 26,
      overPermitMs: 1500,
      errorsAtStruck: 2,
    }),
  ]).split('\n');
  assert.match(
    table.find((line) => line.startsWith('| all data')) ?? '',
    /\| 2 \| 26 of 24 \| 1\.5 \| 90\.0 % \| 2 \| 1 \|$/,
  );
  assert.match(table.find((line) => line.startsWith('| a worker dies')) ?? '', /not in this run/);
});
