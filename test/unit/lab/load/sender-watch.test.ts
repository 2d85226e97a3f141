import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Requests } from '../../../../src/lab/load/requests.ts';
import { SenderWatch } from '../../../../src/lab/load/sender-watch.ts';
import { validityOf } from '../../../../src/lab/measure/validity.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('SenderWatch counts nothing after its end: a run that is over before its window keeps to Little’s law', () => {
  const clock = new ManualClock();
  const watch = new SenderWatch(clock, 0);
  const requests = new Requests();
  for (let sentMs = 0; sentMs < 90; sentMs += 10) {
    watch.inFlight += 2;
    clock.advance(7);
    watch.inFlight -= 2;
    for (const endMs of [sentMs + 7, sentMs + 7]) requests.settle(requests.begin(0, sentMs, sentMs), '2xx', 200, endMs);
    // The last one is not waited for any longer.
    if (sentMs < 80) clock.advance(3);
  }
  const { littlesLaw } = validityOf(
    { requests, durationMs: 200, senders: [watch.stop()] },
    { fromMs: 0, toMs: 200 },
    1000,
  );
  assert.deepEqual([littlesLaw.expected, Math.round(littlesLaw.counted * 1e9) / 1e9], [0.63, 0.63]);
});
