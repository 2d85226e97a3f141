import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeats } from '../../../../src/policy/health/heartbeats.ts';

const never = (): number => 0;

/** Checks each 250 ms from `from` to `to`; the first moment at which the one watched hangs. */
function hangsAt(
  heartbeats: Heartbeats<string>,
  from: number,
  to: number,
  starvedMs: (now: number) => number = never,
): number | undefined {
  for (let now = from; now <= to; now += 250) if (heartbeats.check(now, () => starvedMs(now)).length > 0) return now;
  return undefined;
}

function watched(): Heartbeats<string> {
  const heartbeats = new Heartbeats<string>(2000, 500);
  heartbeats.beat('a');
  heartbeats.check(0, never);
  return heartbeats;
}

test('silence beyond the limit is a hang, silence up to it is none', () => {
  assert.equal(hangsAt(watched(), 250, 2000), undefined);
  assert.equal(hangsAt(watched(), 250, 10_000), 2250);
});

test('a beat begins anew', () => {
  const heartbeats = watched();
  assert.equal(hangsAt(heartbeats, 250, 1750), undefined);
  heartbeats.beat('a');
  assert.equal(hangsAt(heartbeats, 2000, 3750), undefined);
});

test('a process that has never sent a beat, or was forgotten, is not watched', () => {
  const heartbeats = new Heartbeats<string>(2000, 500);
  assert.equal(hangsAt(heartbeats, 0, 10_000), undefined);
  heartbeats.beat('a');
  heartbeats.forget('a');
  assert.equal(hangsAt(heartbeats, 10_000, 20_000), undefined);
});

test('time during which the watcher did not run is not silence: on a suspended or very busy machine', () => {
  const heartbeats = watched();
  // An hour later: the beats of that hour have not been read yet.
  assert.deepEqual(heartbeats.check(3_600_000, never), []);
  assert.deepEqual(heartbeats.check(7_200_000, never), []);
  heartbeats.beat('a');
  assert.equal(hangsAt(heartbeats, 7_200_250, 7_201_750), undefined);
});

test('time for which the one watched was ready to run and got no processor is no silence', () => {
  assert.equal(
    hangsAt(watched(), 250, 20_000, (now) => now),
    undefined,
    'it got none',
  );
  assert.equal(
    hangsAt(watched(), 250, 20_000, (now) => now / 2),
    4250,
    'it got half',
  );
});

test('only a silent process hangs', () => {
  const heartbeats = watched();
  for (let now = 250; now <= 3000; now += 250) {
    heartbeats.beat('b');
    assert.deepEqual(heartbeats.check(now, never), now > 2000 ? ['a'] : []);
  }
});
