import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Roster, type RosterState } from '../../../../src/policy/membership/roster.ts';

const generator = (index: number) => ({ id: `generator-${index}`, origin: `http://127.0.0.1:${9100 + index}` });
const nobody: RosterState = { announced: [], left: [] };
const MINUTE = 60_000;

const open = (configured: number, saved = nobody, now = 0): Roster =>
  new Roster(
    Array.from({ length: configured }, (_, index) => generator(index)),
    saved,
    now,
  );
const numbers = (roster: Roster): number[] => roster.members().map(({ id }) => Number(id.split('-')[1]));

describe('Roster', () => {
  test('has the configured members, and those beyond them that announce themselves', () => {
    const roster = open(2);
    assert.deepEqual(numbers(roster), [0, 1]);
    assert.equal(roster.announce('a', generator(0)), false, 'it was there');
    assert.equal(roster.announce('c', generator(2)), true);
    assert.equal(roster.announce('c', generator(2)), false, 'on another connection');
    assert.deepEqual(numbers(roster), [0, 1, 2]);
  });

  test('B4: pm2 scale 1 keeps the newest: the configured ones leave, and come back', () => {
    const roster = open(2);
    for (const index of [0, 1, 2]) roster.announce(`p${index}`, generator(index));
    assert.equal(roster.withdraw('p0'), true);
    assert.equal(roster.withdraw('p1'), true);
    roster.lost('p0', 10);
    assert.deepEqual(numbers(roster), [2]);
    roster.announce('p3', generator(0));
    assert.deepEqual(numbers(roster), [2, 0]);
  });

  test('a member leaves when the last process that announces it leaves, in either order', () => {
    const roster = open(1);
    roster.announce('old', generator(0));
    roster.announce('new', generator(0));
    assert.equal(roster.withdraw('old'), false);
    assert.deepEqual(numbers(roster), [0]);
    assert.equal(roster.withdraw('new'), true);
    assert.equal(roster.announce('newer', generator(0)), true);
    assert.deepEqual(numbers(roster), [0]);
  });

  test('a backend that dies without withdrawing stays for ten minutes, or until it is back', () => {
    const roster = open(0);
    for (const index of [0, 1]) roster.announce(`p${index}`, generator(index));
    roster.lost('p0', 0);
    roster.lost('p1', 0);
    assert.equal(roster.announce('p2', generator(1)), false, 'the same backend');
    assert.equal(roster.expire(10 * MINUTE - 1), false);
    assert.equal(roster.expire(10 * MINUTE), true);
    assert.deepEqual(numbers(roster), [1]);
    assert.equal(roster.expire(100 * MINUTE), false);
  });

  test('a backend that never announced itself stays, because it may not be one of our generators', () => {
    const roster = open(2);
    roster.announce('p0', generator(0));
    assert.equal(roster.expire(1000 * MINUTE), false);
    assert.equal(roster.withdraw('stranger'), false);
    assert.deepEqual(numbers(roster), [0, 1]);
  });

  test('another control knows the present and the departed members, and removes those that do not come back', () => {
    const before = open(2);
    for (const index of [1, 2, 5]) before.announce(`p${index}`, generator(index));
    before.withdraw('p1');
    before.lost('p5', 0);
    const roster = open(2, before.state(), 100);
    assert.deepEqual(numbers(roster), [0, 2, 5]);
    roster.announce('p2', generator(2));
    roster.expire(100 + 10 * MINUTE);
    assert.deepEqual(numbers(roster), [0, 2]);
    // One that is not configured any more is nobody's to expect.
    assert.deepEqual(numbers(open(0, before.state(), 100)), [2, 5]);
    assert.deepEqual(numbers(open(4, before.state(), 100)), [0, 2, 3, 5]);
  });

  test('an id whose origin is another one changes', () => {
    const roster = open(1);
    assert.equal(roster.announce('p', { id: 'generator-0', origin: 'http://127.0.0.1:9200' }), true);
    assert.deepEqual(roster.members(), [{ id: 'generator-0', origin: 'http://127.0.0.1:9200' }]);
  });
});
