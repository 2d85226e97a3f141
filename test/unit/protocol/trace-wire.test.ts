import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromWireAttempt, fromWireRequest, toWireAttempt, toWireRequest } from '../../../src/protocol/trace-wire.ts';
import { attemptRecord, requestRecord } from '../../support/trace-records.ts';

const overTheWire = (wire: unknown): readonly unknown[] => JSON.parse(JSON.stringify(wire)) as readonly unknown[];

test('trace records: come out as they went in', () => {
  for (const attempts of [[], [attemptRecord()], [attemptRecord({ status: 503 }), attemptRecord({ resends: 1 })]]) {
    const record = requestRecord({ attempts, isLate: attempts.length > 1 });
    assert.deepEqual(fromWireRequest(overTheWire(toWireRequest(record))), record);
  }
  const late = { traceId: 'a', parentId: 'b', flags: 1, traceState: 'c=d', attempt: attemptRecord() };
  assert.deepEqual(fromWireAttempt(overTheWire(toWireAttempt(late))), late);
});

test('trace records: every field comes out under its own name', () => {
  const unlike = <T extends object>(record: T): T =>
    Object.fromEntries(
      Object.entries(record).map(([name, value], index) => [
        name,
        typeof value === 'string' ? name : typeof value === 'number' ? index : value,
      ]),
    ) as T;
  const record = { ...unlike(requestRecord()), attempts: [unlike(attemptRecord())] };
  assert.deepEqual(fromWireRequest(overTheWire(toWireRequest(record))), record);
});

test('trace records: anything else is undefined, never half a record', () => {
  const good = [...toWireRequest(requestRecord())];
  const wrong = [
    [],
    [1],
    good.slice(0, -2),
    [...good, 'more'],
    [...good, ['x']],
    good.with(3, 'late'),
    good.with(0, null),
  ];
  for (const wire of wrong) assert.equal(fromWireRequest(wire), undefined, JSON.stringify(wire));
  for (const wire of [[], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 1, ''], ['a', 'b', '1', '', []], ['a', 2, 1, '', []]])
    assert.equal(fromWireAttempt(wire), undefined);
});
