import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BackendHolds } from '../../../src/control/backend-holds.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-holds-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** The holds of a host with two backends of cap 4. */
function open(clock = new ManualClock(), path = join(folder, `${++files}.json`)) {
  const caps = new Map([
    ['a', 4],
    ['b', 4],
  ]);
  const warned: string[] = [];
  const holds = new BackendHolds({
    clock,
    path,
    capOf: (_upstream, backend) => caps.get(backend),
    setCap: (_upstream, backend, cap) => void caps.set(backend, cap),
    warn: (message) => warned.push(message),
  });
  return { holds, caps, clock, path, warned };
}

test('a drained backend has a cap of 0 until it is released, then the cap that it had', () => {
  const { holds, caps } = open();
  assert.equal(holds.hold('app', 'a', 'drained'), true);
  assert.deepEqual([caps.get('a'), caps.get('b'), holds.kindOf('app', 'a')], [0, 4, 'drained']);
  assert.equal(holds.hold('app', 'a', 'drained'), true);
  assert.equal(holds.release('app', 'a'), true);
  assert.deepEqual([caps.get('a'), holds.kindOf('app', 'a')], [4, undefined]);
  assert.deepEqual([holds.release('app', 'a'), holds.hold('app', 'none', 'drained')], [false, false]);
});

test('an ejected backend comes back by itself; another ejection begins anew, and a drain stays', () => {
  const { holds, caps, clock } = open();
  holds.hold('app', 'a', 'ejected', 1000);
  clock.advance(900);
  holds.hold('app', 'a', 'ejected', 1000);
  clock.advance(900);
  assert.equal(caps.get('a'), 0);
  clock.advance(100);
  assert.equal(caps.get('a'), 4);
  holds.hold('app', 'a', 'ejected', 1000);
  holds.hold('app', 'a', 'drained');
  clock.advance(5000);
  assert.deepEqual([caps.get('a'), holds.kindOf('app', 'a')], [0, 'drained']);
});

test('a cap that is changed meanwhile is the one that the backend gets back', () => {
  const { holds, caps } = open();
  assert.equal(holds.keepCap('app', 'a', 9), false);
  holds.hold('app', 'a', 'drained');
  assert.equal(holds.keepCap('app', 'a', 9), true);
  caps.set('b', 7);
  holds.release('app', 'a');
  assert.equal(caps.get('a'), 9);
  holds.hold('app', 'a', 'drained');
  // A reload gives all backends the configured cap.
  caps.set('a', 12);
  holds.apply();
  assert.equal(caps.get('a'), 0);
  holds.release('app', 'a');
  assert.equal(caps.get('a'), 12);
});

test('the next control knows what is held, also of a backend that joins later, and forgets what is over', () => {
  const { holds, path, clock } = open();
  holds.hold('app', 'a', 'drained');
  holds.hold('app', 'b', 'ejected', 60_000);
  const next = open(new ManualClock(clock.wallNow() + 1000), path);
  assert.deepEqual([next.caps.get('a'), next.caps.get('b')], [0, 0]);
  next.clock.advance(59_000);
  assert.deepEqual([next.caps.get('a'), next.caps.get('b')], [0, 4]);
  const later = open(new ManualClock(clock.wallNow() + 90_000), path);
  assert.deepEqual([later.caps.get('a'), later.caps.get('b')], [0, 4]);
  later.caps.set('a', 4);
  later.holds.apply();
  assert.equal(later.caps.get('a'), 0);
});

test('a backend that is released while it is away comes back with its cap', () => {
  const { holds, caps, clock } = open();
  holds.hold('app', 'a', 'drained');
  holds.hold('app', 'b', 'ejected', 1000);
  caps.clear();
  holds.release('app', 'a');
  clock.advance(1000);
  // As leases give it: the last cap that was set.
  caps.set('a', 0).set('b', 0);
  holds.apply();
  assert.deepEqual([caps.get('a'), caps.get('b'), holds.kindOf('app', 'a')], [4, 4, undefined]);
});

test('a file that is broken, or cannot be written, is no reason to stop', () => {
  const path = join(folder, 'broken.json');
  writeFileSync(path, '{"half":');
  assert.equal(open(new ManualClock(), path).caps.get('a'), 4);
  const { holds, warned, caps } = open(new ManualClock(), join(folder, 'none', 'holds.json'));
  holds.hold('app', 'a', 'drained');
  assert.deepEqual([caps.get('a'), warned.length], [0, 1]);
});
