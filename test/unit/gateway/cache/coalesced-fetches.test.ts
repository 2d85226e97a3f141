import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CoalescedFetch } from '../../../../src/gateway/cache/coalesced-fetch.ts';
import { CoalescedFetches } from '../../../../src/gateway/cache/coalesced-fetches.ts';

const fetch = (joinKey?: string): CoalescedFetch => ({ joinKey, slot: -1 }) as unknown as CoalescedFetch;

test('CoalescedFetches finds fetches that may be joined, and all in flight', () => {
  const fetches = new CoalescedFetches();
  const [a, b, alone] = [fetch('a'), fetch('b'), fetch()];
  for (const each of [a, b, alone]) fetches.add(each);
  assert.equal(fetches.find('a'), a);
  assert.deepEqual([...fetches], [a, b, alone]);
  fetches.close(a);
  assert.equal(fetches.find('a'), undefined);
  assert.deepEqual([...fetches], [a, b, alone], 'it is still under way');
  fetches.remove(a);
  assert.deepEqual([...fetches], [b, alone]);
});

test('CoalescedFetches: the end of a fetch does not affect another that has taken its key or slot', () => {
  const fetches = new CoalescedFetches();
  const [first, second, third] = [fetch('a'), fetch('a'), fetch('c')];
  fetches.add(first);
  fetches.close(first);
  fetches.add(second);
  fetches.close(first);
  assert.equal(fetches.find('a'), second);
  fetches.remove(first);
  assert.equal(fetches.find('a'), second);
  fetches.add(third);
  assert.equal(third.slot, first.slot, 'a slot that is free is used again');
  fetches.remove(first);
  assert.deepEqual([...fetches], [third, second]);
  assert.equal(fetches.find('c'), third);
});
