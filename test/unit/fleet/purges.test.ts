import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkPurges } from '../../fleet/checkers/purges.ts';

const purges = [
  { group: 'shop', generation: 2, acknowledgedMs: 100 },
  { group: 'shop', generation: 3, acknowledgedMs: 500 },
  { group: 'news', generation: 9, acknowledgedMs: 300 },
];
const reply = (group: string, generation: number, askedMs: number) => ({ group, generation, askedMs, host: 'host1' });

test('checkPurges accepts old replies that were asked for before the acknowledgement, and new ones at any time', () => {
  const replies = [reply('shop', 1, 99), reply('shop', 2, 499), reply('shop', 3, 100), reply('news', 9, 900)];
  assert.deepEqual(checkPurges(purges, replies, 0), { stale: [], latestMs: 0 });
});

test('checkPurges finds one reply that is older than a purge', () => {
  const old = reply('shop', 2, 650);
  assert.deepEqual(checkPurges(purges, [old, reply('shop', 3, 651)], 0), { stale: [old], latestMs: 150 });
});

test('checkPurges counts from the oldest purge that a reply has outlived', () => {
  assert.equal(checkPurges(purges, [reply('shop', 1, 650)], 0).latestMs, 550);
});

test('checkPurges allows the time for hosts that could not be told, and no longer', () => {
  const [within, beyond] = [reply('news', 8, 1300), reply('news', 8, 1301)];
  assert.deepEqual(checkPurges(purges, [within, beyond], 1001).stale, [beyond]);
});

test('checkPurges finds what a look at each pair of a purge and a reply finds', () => {
  const times = fc.nat(50);
  const purged = fc.array(fc.record({ group: fc.constant('shop'), generation: fc.nat(9), acknowledgedMs: times }));
  const replied = fc.array(
    fc.tuple(fc.nat(9), times).map(([generation, askedMs]) => reply('shop', generation, askedMs)),
  );
  fc.assert(
    fc.property(purged, replied, (some, replies) => {
      const isStale = ({ generation, askedMs }: (typeof replies)[number]): boolean =>
        some.some((purge) => purge.generation > generation && purge.acknowledgedMs <= askedMs);
      assert.deepEqual(checkPurges(some, replies, 0).stale, replies.filter(isStale));
    }),
  );
});

test('checkPurges leaves other groups alone', () => {
  assert.deepEqual(checkPurges(purges, [reply('blog', 1, 5000)], 0).stale, []);
});
