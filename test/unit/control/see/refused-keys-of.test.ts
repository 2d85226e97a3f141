import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedKeysIn, refusedKeysOf } from '../../../../src/control/see/refused-keys-of.ts';

const statusOf = (...keys: [id: string, reasons: Record<string, number>][]): unknown => ({
  draining: false,
  refused_keys: keys.map(([id, reasons]) => ({ id, name: `name of ${id}`, reasons })),
});

test('the refused keys of all workers are added up, the most refused first, and at most ten', () => {
  const many = Array.from({ length: 12 }, (_, index): [string, Record<string, number>] => [
    `k${index}`,
    { 'rate-limited': 20 - index },
  ]);
  const workers = [
    statusOf(['a', { overloaded: 0.61, 'rate-limited': 30 }]),
    statusOf(['a', { overloaded: 1.42 }], ...many),
  ];
  const found = refusedKeysOf(workers.map(refusedKeysIn));
  assert.deepEqual(found['a'], { name: 'name of a', refusedBy: { overloaded: 2, 'rate-limited': 30 } });
  assert.deepEqual(Object.keys(found), ['a', 'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8']);
});

test('a request that is wrong is no refusal that protects the host, and a status of another shape has no keys', () => {
  assert.deepEqual(refusedKeysIn(statusOf(['a', { 'not-found': 9, forbidden: 1 }])), new Map());
  for (const status of [undefined, {}, { refused_keys: 'many' }]) assert.deepEqual(refusedKeysIn(status), new Map());
});
