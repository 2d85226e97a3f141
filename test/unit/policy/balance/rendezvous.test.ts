import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from '../../../../src/core/text-hash.ts';
import { BackendLoad } from '../../../../src/policy/balance/backend-load.ts';
import { homeOf, type NamedCandidate } from '../../../../src/policy/balance/rendezvous.ts';

const named = (name: string, more: Partial<NamedCandidate> = {}): NamedCandidate & { name: string } => ({
  name,
  nameHash: hashOf(name),
  inFlight: 0,
  cap: 4,
  available: true,
  load: new BackendLoad(0),
  ...more,
});

const SESSIONS = Array.from({ length: 30_000 }, (_, index) => hashOf(`session-${index}`));
const five = ['a', 'b', 'c', 'd', 'e'].map((name) => named(`10.0.0.${name}:80`));

test('sessions are spread evenly', () => {
  for (const candidate of five) {
    const share = SESSIONS.filter((session) => homeOf(five, session, undefined) === candidate).length / SESSIONS.length;
    assert.ok(Math.abs(share - 0.2) < 0.01, `${candidate.name}: ${share}`);
  }
});

test('a candidate that leaves takes only its own sessions with it, and they go to all others', () => {
  const gone = five[2];
  const others = five.filter((candidate) => candidate !== gone);
  const moved = SESSIONS.filter((session) => homeOf(five, session, undefined) !== homeOf(others, session, undefined));
  assert.ok(moved.every((session) => homeOf(five, session, undefined) === gone));
  for (const candidate of others) {
    const share = moved.filter((session) => homeOf(others, session, undefined) === candidate).length / moved.length;
    assert.ok(Math.abs(share - 0.25) < 0.02, `${candidate.name}: ${share}`);
  }
});

test('the order of the candidates does not matter', () => {
  const reversed = five.toReversed();
  for (const session of SESSIONS.slice(0, 500))
    assert.equal(homeOf(five, session, undefined), homeOf(reversed, session, undefined));
});

test('a candidate that is full or away gives a session up, and one that has just failed is the last resort', () => {
  const [session = 0] = SESSIONS;
  const home = homeOf(five, session, undefined);
  const second = homeOf(five, session, home);
  assert.ok(home !== undefined && second !== undefined && second !== home);
  const without = (more: object) => five.map((one) => (one === home ? { ...one, ...more } : one));
  assert.equal(homeOf(without({ inFlight: 4 }), session, undefined), second);
  assert.equal(homeOf(without({ available: false }), session, undefined), second);
  assert.equal(homeOf([home], session, home), home);
  assert.equal(homeOf([named('x', { available: false })], session, undefined), undefined);
});
