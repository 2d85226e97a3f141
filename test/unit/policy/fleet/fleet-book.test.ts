import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import type { FleetAnswer } from '../../../../src/policy/fleet/fleet-call.ts';
import { FORGET_MS, LEASE_MS } from '../../../../src/policy/fleet/fleet-times.ts';
import { callAt, claim, readyBook, START } from './fleet-calls.ts';

const grantOf = (answer: FleetAnswer): { permits: number; floor: number; recallTo: number } => {
  assert.equal(answer.status, 'granted');
  const [grant] = answer.status === 'granted' ? answer.grants : [];
  assert.ok(grant !== undefined);
  return { permits: grant.permits, floor: grant.floor, recallTo: grant.recallTo };
};
const wants = (want: number, held: number, floor: number): { claims: ReturnType<typeof claim>[] } => ({
  claims: [claim({ want, held, floor })],
});

test('a call without an expected time only gets the time', () => {
  const book = new FleetBook();
  assert.deepEqual(book.renew(callAt('a', START, { expectedAt: -1 }), START), { status: 'stale', now: START });
  assert.equal(book.backends.size, 0);
});

test('a host that is alone gets what it wants, up to the cap', () => {
  const { book, now } = readyBook('a');
  assert.deepEqual(grantOf(book.renew(callAt('a', now, wants(9, 0, 0)), now)), {
    permits: 12,
    floor: 12,
    recallTo: -1,
  });
  assert.equal(grantOf(book.renew(callAt('a', now + 1, wants(99, 12, 12)), now + 1)).permits, 24);
});

test('a call that is older than one which was answered has no effect', () => {
  const { book, now } = readyBook('a', 'b');
  book.renew(callAt('a', now + 10, wants(20, 6, 6)), now + 10);
  const late = callAt('a', now, wants(0, 0, 0));
  assert.deepEqual(book.renew({ ...late, expectedAt: now + 11 }, now + 11), { status: 'late', now: now + 11 });
  assert.equal(book.backends.get('app a')?.list()[0]?.permits, 18);
});

test('a floor that must fall counts until its host has said that it keeps no more', () => {
  const { book, now } = readyBook('a');
  book.renew(callAt('a', now, wants(12, 12, 12)), now);
  const joined = grantOf(book.renew(callAt('b', now + 1, { incarnation: 0, ...wants(24, 0, 0) }), now + 1));
  assert.deepEqual(joined, { permits: 12, floor: 6, recallTo: -1 });
  // The floor of `a` is to be 6, and it may not know that yet: if its lease ends now, 12 stay out.
  const later = now + LEASE_MS + 2001;
  book.renew(callAt('b', later - 1, wants(24, 12, 6)), later - 1);
  assert.equal(grantOf(book.renew(callAt('b', later, wants(24, 12, 6)), later)).permits, 12);
});

test('a floor that must fall counts in full while the answer that lowers it may be lost', () => {
  const { book, now } = readyBook('a', 'b');
  // `a` was alone once, and has a floor of 12.
  const told = grantOf(book.renew(callAt('a', now, wants(12, 12, 12)), now));
  assert.equal(told.floor, 6);
  // The answer was lost, and `a` is cut off: it keeps 12.
  const ask = (at: number): number => grantOf(book.renew(callAt('b', at, wants(24, 6, 6)), at)).permits;
  for (let at = now; at < now + LEASE_MS + 1000; at += 1000) ask(at);
  assert.equal(ask(now + LEASE_MS + 1000), 12);
});

test('a host that has only just been told the time lets no lease end', () => {
  const { book, now } = readyBook('a');
  book.renew(callAt('a', now, wants(24, 24, 12)), now);
  // A newcomer at each quarter of a lease, so that the book is never silent.
  for (let at = now; at <= now + 2 * LEASE_MS; at += LEASE_MS / 4) {
    book.renew(callAt(`b${at}`, at, { incarnation: 0, settled: false, ...wants(24, 0, 0) }), at);
  }
  assert.equal(
    book.backends
      .get('app a')
      ?.list()
      .find(({ host }) => host === 'a')?.permits,
    24,
  );
});

test('the permits of a silent host come back after its lease and its quarantine, its floor much later', () => {
  const { book, now } = readyBook('a', 'b');
  book.renew(callAt('a', now, wants(24, 18, 6)), now);
  const ask = (at: number): number => grantOf(book.renew(callAt('b', at, wants(24, 6, 6)), at)).permits;
  for (let at = now; at < now + LEASE_MS + 1000; at += 1000) assert.equal(ask(at), 6);
  assert.equal(ask(now + LEASE_MS + 1000), 18);
  book.renew(callAt('b', now + FORGET_MS, wants(24, 18, 6)), now + FORGET_MS);
  assert.equal(ask(now + FORGET_MS + 1), 24);
});

test('a second process of the same name supersedes the first, whose permits wait for the end of its lease', () => {
  const { book, now } = readyBook('a');
  book.renew(callAt('a', now, wants(24, 24, 12)), now);
  const second = book.renew(callAt('a', now + 5, { incarnation: 0, ...wants(24, 0, 0) }), now + 5);
  assert.equal(second.status === 'granted' && second.incarnation, 2);
  assert.equal(grantOf(second).permits, 0);
  assert.deepEqual(book.renew(callAt('a', now + 9), now + 9), {
    status: 'superseded',
    now: now + 9,
    calledAt: now + 5,
  });
});

test('a host that leaves gives everything back at once, a forgotten one its floor', () => {
  const { book, now } = readyBook('a', 'b');
  book.renew(callAt('a', now, wants(24, 18, 6)), now);
  book.forget('a', now + 1);
  assert.equal(grantOf(book.renew(callAt('b', now + 1, wants(24, 6, 6)), now + 1)).permits, 12);
  const other = readyBook('a', 'b');
  other.book.renew(callAt('a', other.now, wants(24, 18, 6)), other.now);
  other.book.leave('a', 1);
  assert.equal(grantOf(other.book.renew(callAt('b', other.now + 1, wants(24, 6, 6)), other.now + 1)).permits, 24);
});

test('who wants more than there is makes the richest hosts give', () => {
  const { book, now } = readyBook('a', 'b');
  book.renew(callAt('a', now, wants(18, 18, 6)), now);
  const asked = book.renew(callAt('b', now + 1, wants(18, 6, 6)), now + 1);
  assert.deepEqual(asked.status === 'granted' && asked.donors, ['a']);
  assert.deepEqual(grantOf(book.renew(callAt('a', now + 2, wants(18, 18, 6)), now + 2)).recallTo, 12);
});

test('two hosts that want more name different donors, and a donor is named again when it has called', () => {
  const { book, now } = readyBook('a', 'b', 'c', 'd');
  const ask = (host: string, at: number, held: number): readonly string[] => {
    const answer = book.renew(callAt(host, at, wants(20, held, 3)), at);
    return answer.status === 'granted' ? answer.donors : [];
  };
  book.renew(callAt('a', now, wants(9, 9, 3)), now);
  book.renew(callAt('b', now, wants(9, 9, 3)), now);
  assert.deepEqual(ask('c', now + 1, 3), ['a', 'b']);
  assert.deepEqual(ask('d', now + 2, 3), []);
  book.renew(callAt('b', now + 3, wants(9, 9, 3)), now + 3);
  assert.deepEqual(ask('d', now + 4, 3), ['b']);
});

test('a lower cap of one host is the cap of all', () => {
  const { book, now } = readyBook('a', 'b');
  const low = { claims: [claim({ want: 24, held: 6, floor: 6, cap: 10 })] };
  assert.equal(grantOf(book.renew(callAt('a', now, low), now)).permits, 6);
  assert.equal(grantOf(book.renew(callAt('b', now + 1, wants(24, 6, 6)), now + 1)).recallTo, 5);
});
