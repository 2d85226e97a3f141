import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SpanOutbox } from '../../../../src/gateway/traces/span-outbox.ts';
import { Counter } from '../../../../src/metrics/instruments.ts';
import type { TraceMessage } from '../../../../src/protocol/trace-wire.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { requestRecord } from '../../../support/trace-records.ts';

let clock: ManualClock;
let sent: TraceMessage[];
let dropped: Counter;
let takes: boolean;
let outbox: SpanOutbox;
beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  dropped = new Counter();
  takes = true;
  outbox = new SpanOutbox({
    clock,
    dropped,
    send: (message) => {
      if (takes) sent.push(message);
      return takes;
    },
  });
});

/** Adds so many requests with one attempt each. */
function add(count: number, userAgent = ''): void {
  for (let index = 0; index < count; index++) outbox.addRequest(requestRecord({ userAgent }));
}

const counts = (): number[] => sent.map(({ requests }) => requests.length);

test('SpanOutbox: sends what has waited for half a second', () => {
  add(2);
  clock.advance(400);
  add(1);
  assert.deepEqual(counts(), []);
  clock.advance(100);
  assert.deepEqual(counts(), [3]);
  clock.advance(10_000);
  assert.equal(sent.length, 1);
});

test('SpanOutbox: sends earlier when 128 spans wait', () => {
  add(64);
  assert.deepEqual(counts(), []);
  add(1);
  assert.deepEqual(counts(), [64]);
});

test('SpanOutbox: keeps 4,096 spans that control does not take, drops and counts the rest, and tries twice a second', () => {
  takes = false;
  add(2050);
  assert.equal(dropped.value, 4);
  clock.advance(2000);
  takes = true;
  clock.advance(500);
  assert.deepEqual(counts(), [2048]);
  add(1);
  clock.advance(500);
  assert.deepEqual(counts(), [2048, 1]);
});

test('SpanOutbox: keeps less of long texts', () => {
  takes = false;
  add(1000, 'x'.repeat(1024));
  assert.equal(dropped.value, 616);
});

test('SpanOutbox: sends what is left when it closes, and counts what control does not take', () => {
  add(1);
  outbox.close();
  assert.deepEqual(counts(), [1]);
  takes = false;
  add(2);
  outbox.close();
  assert.equal(dropped.value, 4);
});
