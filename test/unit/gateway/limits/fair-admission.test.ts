import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairAdmission, AdmissionBusy } from '../../../../src/gateway/limits/fair-admission.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** Reads that end when they are told to, in the order in which they began. */
function setUp(max: number) {
  const clock = new ManualClock();
  const admission = new FairAdmission(max, clock);
  const begun: { key: string; end: () => void }[] = [];
  const results: string[] = [];
  const read = (key: string): void => {
    const work = (): Promise<void> => new Promise((resolve) => void begun.push({ key, end: resolve }));
    void admission.run(key, work).then(
      () => results.push(`${key} done`),
      (error: unknown) => results.push(`${key} ${error instanceof AdmissionBusy ? 'busy' : String(error)}`),
    );
  };
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  return { clock, begun, results, read, settle };
}

test('C9: FairAdmission never has more under way than it may, and lets keys take turns', async () => {
  const { begun, read, settle } = setUp(2);
  for (let index = 0; index < 10; index++) read('greedy');
  read('modest');
  await settle();
  assert.deepEqual(
    begun.map(({ key }) => key),
    ['greedy', 'greedy'],
  );
  begun[0]?.end();
  await settle();
  begun[1]?.end();
  await settle();
  assert.equal(begun.length, 4);
  assert.ok(begun.slice(2).some(({ key }) => key === 'modest'));
});

test('FairAdmission refuses reads that have waited too long, and reads without a place', async () => {
  const { clock, results, read, settle } = setUp(1);
  read('first');
  for (let index = 0; index < 65; index++) read('many');
  await settle();
  assert.deepEqual(results, ['many busy']);
  clock.advance(2001);
  await settle();
  assert.equal(results.filter((result) => result === 'many busy').length, 65);
});
