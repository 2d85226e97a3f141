import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SlotOutcome, type SlotPermit, SlotQueue, type Waiting } from '../../../src/generator/slots.ts';
import { VirtualClock } from './virtual-clock.ts';

const limits = { slots: 2, queueCapacity: 2, queueTimeoutMs: 500 };

test('Slots admits up to the cap, queues up to the capacity, and refuses beyond', () => {
  const slots = new SlotQueue(limits, new VirtualClock());
  assert.equal(permitOf(slots.ask()).slot, 0);
  assert.equal(permitOf(slots.ask()).slot, 1);
  const waiting = [slots.ask(), slots.ask()];
  assert.ok(waiting.every((outcome) => 'outcome' in outcome));
  assert.deepEqual(slots.ask(), { admitted: false, reason: 'queue-full' });
  assert.deepEqual([slots.inFlight, slots.queued], [2, 2]);
});

test('Slots gives a freed slot to the request that has waited longest', async () => {
  const slots = new SlotQueue(limits, new VirtualClock());
  const first = permitOf(slots.ask());
  permitOf(slots.ask());
  const [older, newer] = [waitingOf(slots.ask()), waitingOf(slots.ask())];
  first.release();
  const outcome = await older.outcome;
  assert.equal(permitOf(outcome).slot, 0);
  assert.deepEqual([slots.inFlight, slots.queued], [2, 1]);
  permitOf(outcome).release();
  assert.equal(permitOf(await newer.outcome).slot, 0);
});

test('SlotPermit releases once, however often it is told to', () => {
  const slots = new SlotQueue(limits, new VirtualClock());
  const permit = permitOf(slots.ask());
  permitOf(slots.ask());
  permit.release();
  permit.release();
  assert.equal(slots.inFlight, 1);
});

test('Slots refuses a request when its timeout has passed, and not sooner', async () => {
  const clock = new VirtualClock();
  const slots = new SlotQueue(limits, clock);
  slots.ask();
  slots.ask();
  const waiting = waitingOf(slots.ask());
  await clock.advanceTo(499);
  assert.equal(slots.queued, 1);
  await clock.advanceTo(500);
  assert.equal(slots.queued, 0);
  assert.deepEqual(await waiting.outcome, { admitted: false, reason: 'queue-timeout' });
});

test('Waiting.leave frees the place in the queue, and the slot goes to the next', async () => {
  const slots = new SlotQueue(limits, new VirtualClock());
  const permit = permitOf(slots.ask());
  slots.ask();
  const [leaver, next] = [waitingOf(slots.ask()), waitingOf(slots.ask())];
  leaver.leave();
  leaver.leave();
  assert.equal(slots.queued, 1);
  assert.deepEqual(await leaver.outcome, { admitted: false, reason: 'left' });
  permit.release();
  assert.equal(permitOf(await next.outcome).slot, 0);
  next.leave();
  assert.equal(slots.inFlight, 2);
});

function permitOf(outcome: SlotOutcome | Waiting): SlotPermit {
  assert.ok('admitted' in outcome && outcome.admitted);
  return outcome.permit;
}

function waitingOf(outcome: SlotOutcome | Waiting): Waiting {
  assert.ok('outcome' in outcome);
  return outcome;
}
