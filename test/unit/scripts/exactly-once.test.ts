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
  { id: '1', text: 'a', isAborted: false },
  { id: '2', text: 'b', isAborted: false },
];

describe('the checker for exactly once', () => {
  test('passes a run in which each reply has its record, and an unanswered request may have one', () => {
    assert.ok(isSound(exactlyOnce(log, rows)));
    const verdict = exactlyOnce(log, [...rows, { id: '4', text: 'd', isAborted: false }]);
    assert.deepEqual([isSound(verdict), verdict.unanswered], [true, 1]);
  });

  test('passes a refused request whose record says that nobody got its reply', () => {
    assert.ok(isSound(exactlyOnce(log, [...rows, { id: '3', text: 'c', isAborted: true }])));
  });

  const seeded: Record<string, readonly [StoredRow[], keyof ReturnType<typeof exactlyOnce>]> = {
    'a record is lost': [rows.slice(1), 'missing'],
    'a record has another id than its reply': [
      [{ id: '9', text: 'a', isAborted: false }, rows[1] as StoredRow],
      'missing',
    ],
    'a record is stored twice': [[...rows, { id: '3', text: 'a', isAborted: false }], 'twice'],
    'a refused request is stored': [[...rows, { id: '3', text: 'c', isAborted: false }], 'refused'],
    'a record comes from nowhere': [[...rows, { id: '3', text: 'z', isAborted: false }], 'unknown'],
  };
  for (const [bug, [stored, kind]] of Object.entries(seeded))
    test(`fails when ${bug}`, () => {
      const verdict = exactlyOnce(log, stored);
      assert.equal(isSound(verdict), false);
      assert.equal((verdict[kind] as readonly string[]).length, 1);
    });
});
