import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Purges } from '../../../src/control/purges.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('Purges waits for every worker: done, gone or late', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const purges = new Purges<string>(clock, (worker, id) => told.push(`${worker}${id}`));
  assert.deepEqual(await purges.purge([], {}), { workers: 0, purged: 0, entries: 0 });
  const all = purges.purge(['a', 'b'], {});
  purges.done('a', 1, 3);
  purges.done('a', 1, 3);
  purges.done('b', 9, 5);
  purges.done('b', 1, 4);
  assert.deepEqual(await all, { workers: 2, purged: 2, entries: 7 });
  const gone = purges.purge(['a', 'b'], {});
  purges.done('a', 2, 1);
  purges.left('b');
  assert.deepEqual(await gone, { workers: 2, purged: 1, entries: 1 });
  const late = purges.purge(['a'], {});
  clock.advance(2000);
  assert.deepEqual(await late, { workers: 1, purged: 0, entries: 0 });
  assert.deepEqual(told, ['a1', 'b1', 'a2', 'b2', 'a3']);
});
