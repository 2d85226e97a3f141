import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReportCollection } from '../../../src/control/report-collection.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('ReportCollection waits for every member, but for a silent one only until the limit', async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const collection = new ReportCollection<string>(clock, (member) => asked.push(member));
  const ended: string[] = [];
  const first = collection.collect(['loud', 'silent']).then(() => ended.push('first'));
  collection.answered('loud');
  clock.advance(249);
  await Promise.resolve();
  assert.deepEqual([asked, ended], [['loud', 'silent'], []]);
  clock.advance(1);
  await first;
  // What the first scrape did not get must not end the second one early, nor hold it up.
  const second = collection.collect(['loud']).then(() => ended.push('second'));
  collection.answered('silent');
  await Promise.resolve();
  assert.deepEqual(ended, ['first']);
  collection.answered('loud');
  await second;
});

test('two scrapes at once end with the same last answer', async () => {
  const clock = new ManualClock();
  const collection = new ReportCollection<string>(clock, () => {});
  const both = Promise.all([collection.collect(['a', 'b']), collection.collect(['b'])]);
  collection.answered('a');
  collection.answered('b');
  await both;
  assert.equal(await collection.collect([]), undefined);
});
