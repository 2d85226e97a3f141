import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FaultKind } from '../../fleet/fault.ts';
import { allFaults } from '../../fleet/faults/faults.ts';
import { planFaults } from '../../fleet/nemesis.ts';

const kinds: readonly FaultKind[] = [
  { name: 'cut', holdsMs: [100, 300], recoverMs: 200 },
  { name: 'kill', holdsMs: [50], recoverMs: 500 },
  { name: 'pause', holdsMs: [1000], recoverMs: 100 },
];
const options = { seed: 7, hosts: 3, totalMs: 10_000, calmMs: 100, maxFaults: 50 };

test('planFaults gives the same schedule for the same seed, and another one for another seed', () => {
  assert.deepEqual(planFaults(kinds, options), planFaults(kinds, options));
  assert.notDeepEqual(planFaults(kinds, options), planFaults(kinds, { ...options, seed: 8 }));
});

test('planFaults takes every kind once before it takes one again', () => {
  const names = planFaults(kinds, options).map(({ name }) => name);
  assert.ok(names.length >= 6);
  assert.deepEqual(names.slice(0, 3).toSorted(), ['cut', 'kill', 'pause']);
  assert.deepEqual(names.slice(3, 6).toSorted(), ['cut', 'kill', 'pause']);
});

test('planFaults begins with another kind for another seed', () => {
  const firsts = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => planFaults(kinds, { ...options, seed })[0]?.name);
  assert.deepEqual(new Set(firsts), new Set(['cut', 'kill', 'pause']));
});

test('planFaults leaves out what does not fit, and takes what still does', () => {
  const names = planFaults(kinds, { ...options, totalMs: 700 }).map(({ name }) => name);
  assert.ok(!names.includes('pause'));
  assert.equal(names.length, 1);
  assert.deepEqual(planFaults(kinds, { ...options, totalMs: 10 }), []);
  assert.deepEqual(planFaults([], options), []);
});

test('planFaults: one fault at a time, with calm before each, on hosts that there are, within time and number', () => {
  const bounds = fc.record({
    seed: fc.nat(),
    hosts: fc.integer({ min: 1, max: 20 }),
    totalMs: fc.integer({ min: 0, max: 60_000 }),
    calmMs: fc.integer({ min: 0, max: 2000 }),
    maxFaults: fc.integer({ min: 0, max: 40 }),
  });
  fc.assert(
    fc.property(bounds, (given) => {
      let freeMs = 0;
      const planned = planFaults(kinds, given);
      assert.ok(planned.length <= given.maxFaults);
      for (const { name, host, atMs, holdMs, recoverMs } of planned) {
        assert.ok(atMs >= freeMs + given.calmMs);
        freeMs = atMs + holdMs + recoverMs;
        assert.ok(freeMs <= given.totalMs);
        assert.ok(host >= 0 && host < given.hosts);
        assert.ok(kinds.find((kind) => kind.name === name)?.holdsMs.includes(holdMs));
      }
    }),
  );
});

test('every fault has a name of its own and a length, and all of them fit into the long run', () => {
  assert.equal(new Set(allFaults.map(({ name }) => name)).size, allFaults.length);
  const planned = planFaults(allFaults, { seed: 1, hosts: 8, totalMs: 30 * 60_000, calmMs: 1500, maxFaults: 200 });
  assert.deepEqual(
    allFaults.map(({ name }) => name).filter((name) => !planned.some((one) => one.name === name)),
    [],
  );
});
