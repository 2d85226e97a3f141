import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exactlyOnce, isSound, type LoggedRequest, type StoredRow } from '../../../scripts/ledger/exactly-once.ts';

const log: LoggedRequest[] = [
  { text: 'a', status: 201, id: '1' },
  { text: 'b', status: 201, id: '2' },
  { text: 'c', status: 503, id: undefined },
  { text: 'd', status: 0, id: undefined },
];
const rows: StoredRow[] = [
  { id: '1', text: 'a' },
  { id: '2', text: 'b' },
];

describe('the checker for exactly once', () => {
  test('passes a run in which each reply has its record, and an unanswered request may have one', () => {
    assert.ok(isSound(exactlyOnce(log, rows)));
    const verdict = exactlyOnce(log, [...rows, { id: '4', text: 'd' }]);
    assert.deepEqual([isSound(verdict), verdict.unanswered], [true, 1]);
  });

  const seeded: Record<string, readonly [StoredRow[], keyof ReturnType<typeof exactlyOnce>]> = {
    'a record is lost': [rows.slice(1), 'missing'],
    'a record has another id than its reply': [[{ id: '9', text: 'a' }, rows[1] as StoredRow], 'missing'],
    'a record is stored twice': [[...rows, { id: '3', text: 'a' }], 'twice'],
    'a refused request is stored': [[...rows, { id: '3', text: 'c' }], 'refused'],
    'a record comes from nowhere': [[...rows, { id: '3', text: 'z' }], 'unknown'],
  };
  for (const [bug, [stored, kind]] of Object.entries(seeded))
    test(`fails when ${bug}`, () => {
      const verdict = exactlyOnce(log, stored);
      assert.equal(isSound(verdict), false);
      assert.equal((verdict[kind] as readonly string[]).length, 1);
    });
});
