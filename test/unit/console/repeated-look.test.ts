import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepeatedLook } from '../../../src/console/repeated-look.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function opened() {
  const clock = new ManualClock();
  const element = { isConnected: true };
  const looks = new RepeatedLook(element, clock);
  let count = 0;
  const look = async (): Promise<void> => {
    count++;
    looks.begin();
    looks.again(1000, look);
  };
  return { clock, element, looks, look, count: () => count };
}

test('RepeatedLook: a look that another one has overtaken knows it, and the waiting one does not come as well', async () => {
  const { clock, looks, look, count } = opened();
  const isLatest = looks.begin();
  assert.equal(isLatest(), true);
  await look();
  assert.equal(isLatest(), false);
  await look();
  assert.equal(count(), 2);
  clock.advance(1000);
  assert.equal(count(), 3, 'one look after a second, not two');
});

test('RepeatedLook: ends when its element is no longer on the page', async () => {
  const { clock, element, look, count } = opened();
  await look();
  clock.advance(1000);
  assert.equal(count(), 2);
  element.isConnected = false;
  clock.advance(5000);
  assert.equal(count(), 2);
});
