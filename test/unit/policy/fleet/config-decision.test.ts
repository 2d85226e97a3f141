import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decideVersion, type VersionVote, versionAtStart } from '../../../../src/policy/fleet/config-decision.ts';

const accepted = (host: string, answered = 7) => ({ host, answered, problems: [] });
const refused = (host: string, problem: string) => ({ host, answered: 7, problems: [problem] });
const vote = (more: Partial<VersionVote>): VersionVote => ({
  number: 7,
  asker: 'a',
  live: ['a', 'b', 'c'],
  isSure: true,
  isApart: false,
  answers: [accepted('a'), accepted('b'), accepted('c')],
  elapsedMs: 0,
  ...more,
});
const kindOf = (more: Partial<VersionVote>): string => {
  const decision = decideVersion(vote(more));
  return decision.kind === 'refuse' ? decision.why : decision.kind;
};

describe('decideVersion', () => {
  test('activates when every live host has accepted, and not before', () => {
    assert.equal(kindOf({}), 'activate');
    assert.equal(kindOf({ answers: [accepted('a'), accepted('b')], elapsedMs: 29_999 }), 'wait');
    assert.equal(kindOf({ answers: [accepted('a'), accepted('b')], elapsedMs: 30_000 }), 'silent');
  });

  test('an acceptance of another version is silence', () => {
    assert.equal(kindOf({ answers: [accepted('a'), accepted('b'), accepted('c', 6)] }), 'wait');
    assert.equal(
      kindOf({ answers: [accepted('a'), accepted('b'), { host: 'c', answered: null, problems: [] }] }),
      'wait',
    );
  });

  test('a host that does not live is not awaited', () => {
    assert.equal(kindOf({ live: ['a', 'b'], answers: [accepted('a'), accepted('b')] }), 'activate');
    assert.equal(kindOf({ live: ['a', 'b'], answers: [accepted('a'), accepted('b'), refused('c', 'no')] }), 'activate');
  });

  test('one refusal decides when the others have answered, or after three seconds', () => {
    const one = refused('c', '/x.pem is missing');
    assert.equal(kindOf({ answers: [accepted('a'), accepted('b'), one] }), 'refused');
    assert.equal(kindOf({ answers: [accepted('a'), one], elapsedMs: 2999 }), 'wait');
    assert.deepEqual(decideVersion(vote({ answers: [accepted('a'), one], elapsedMs: 3000 })), {
      kind: 'refuse',
      why: 'refused',
      hosts: [
        { host: 'a', state: 'accepted', problems: [] },
        { host: 'b', state: 'silent', problems: [] },
        { host: 'c', state: 'refused', problems: ['/x.pem is missing'] },
      ],
    });
  });

  test('nothing is activated while there may be hosts that are not known', () => {
    assert.equal(kindOf({ isSure: false }), 'wait');
    assert.equal(kindOf({ isSure: false, elapsedMs: 30_000 }), 'unsure');
    assert.equal(kindOf({ live: [] }), 'wait');
    assert.equal(kindOf({ live: ['b', 'c'] }), 'wait');
  });

  test('nothing is activated by a host that hears no news', () => {
    assert.equal(kindOf({ isApart: true }), 'wait');
    assert.equal(kindOf({ isApart: true, elapsedMs: 8000 }), 'unsure');
    assert.equal(kindOf({ isApart: true, answers: [accepted('a')], elapsedMs: 8000 }), 'unsure');
  });
});

describe('versionAtStart', () => {
  test('PostgreSQL decides, also against what the host had', () => {
    assert.deepEqual(versionAtStart({ kind: 'active', version: 6 }, 7), { from: 'fleet', version: 6 });
    assert.deepEqual(versionAtStart({ kind: 'none' }, 7), { from: 'file', version: undefined });
  });

  test('without PostgreSQL it is the last version of the host, or its own file', () => {
    assert.deepEqual(versionAtStart({ kind: 'unknown' }, 7), { from: 'disk', version: 7 });
    assert.deepEqual(versionAtStart({ kind: 'unknown' }, undefined), { from: 'file', version: undefined });
  });
});
