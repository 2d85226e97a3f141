import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flight } from '../../../../src/gateway/cache/flight.ts';
import { Flights } from '../../../../src/gateway/cache/flights.ts';

const flight = (joinKey?: string): Flight => ({ joinKey, slot: -1 }) as unknown as Flight;

test('Flights finds what may be joined, and all that are under way', () => {
  const flights = new Flights();
  const [a, b, alone] = [flight('a'), flight('b'), flight()];
  for (const each of [a, b, alone]) flights.add(each);
  assert.equal(flights.find('a'), a);
  assert.deepEqual([...flights], [a, b, alone]);
  flights.close(a);
  assert.equal(flights.find('a'), undefined);
  assert.deepEqual([...flights], [a, b, alone], 'it is still under way');
  flights.remove(a);
  assert.deepEqual([...flights], [b, alone]);
});

test('Flights: one that has taken the key, or the slot, of another is not touched by its end', () => {
  const flights = new Flights();
  const [first, second, third] = [flight('a'), flight('a'), flight('c')];
  flights.add(first);
  flights.close(first);
  flights.add(second);
  flights.close(first);
  assert.equal(flights.find('a'), second);
  flights.remove(first);
  assert.equal(flights.find('a'), second);
  flights.add(third);
  assert.equal(third.slot, first.slot, 'a slot that is free is used again');
  flights.remove(first);
  assert.deepEqual([...flights], [third, second]);
  assert.equal(flights.find('c'), third);
});
