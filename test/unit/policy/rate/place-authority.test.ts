import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlaceAuthority } from '../../../../src/policy/rate/place-authority.ts';
import type { PlaceAsk } from '../../../../src/protocol/places.ts';

const ask = (more: Partial<PlaceAsk>): PlaceAsk => ({
  subject: 'route:a',
  max: 2,
  wanted: 0,
  held: 0,
  returned: 0,
  ...more,
});
const said = (authority: PlaceAuthority<string>, member: string, more: Partial<PlaceAsk>, now = 0) =>
  authority
    .said(member, ask(more), now)
    .map(({ member: to, news }) => `${to} ${news.given}${news.isScarce ? ' scarce' : ''}`);

describe('PlaceAuthority', () => {
  test('gives what is there, tells holders that places are scarce, and gives returned ones to who waits', () => {
    const authority = new PlaceAuthority<string>();
    assert.deepEqual(said(authority, 'a', { wanted: 2 }), ['a 2']);
    assert.deepEqual(said(authority, 'b', { wanted: 1 }), ['b 0 scarce', 'a 0 scarce']);
    assert.deepEqual(said(authority, 'c', { wanted: 1 }, 1), ['c 0 scarce']);
    assert.deepEqual(said(authority, 'a', { returned: 1 }, 2), ['b 1 scarce']);
    assert.deepEqual(said(authority, 'a', { returned: 1 }, 3), ['c 1']);
  });

  test('forgets a client of which no worker holds a place', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { wanted: 1 });
    assert.equal(authority.size, 1);
    said(authority, 'a', { returned: 1 });
    assert.equal(authority.size, 0);
  });

  test('who has waited too long gets no place any more', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { wanted: 2 });
    said(authority, 'b', { wanted: 1 });
    assert.deepEqual(said(authority, 'a', { returned: 2 }, 20), []);
    assert.equal(authority.size, 0);
  });

  test('a worker that has gone leaves its places to the others, and waits for none', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { wanted: 2 });
    said(authority, 'b', { wanted: 1 });
    said(authority, 'c', { wanted: 1 });
    assert.deepEqual(
      authority.left('b', 1).map(({ member }) => member),
      [],
    );
    assert.deepEqual(
      authority.left('a', 2).map(({ member, news }) => [member, news.given]),
      [['c', 1]],
    );
  });

  test('places in use that another control gave count, also above the limit', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { held: 3 });
    assert.deepEqual(said(authority, 'b', { wanted: 1 }), ['b 0 scarce', 'a 0 scarce']);
    assert.deepEqual(said(authority, 'a', { returned: 1 }, 1), []);
    assert.deepEqual(said(authority, 'a', { returned: 1 }, 2), ['b 1']);
  });

  test('a limit that has been lowered gives nothing until enough has come back', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { max: 4, wanted: 4 });
    assert.deepEqual(said(authority, 'b', { max: 1, wanted: 1 }), ['b 0 scarce', 'a 0 scarce']);
    assert.deepEqual(said(authority, 'a', { max: 1, returned: 3 }, 1), []);
    assert.deepEqual(said(authority, 'a', { max: 1, returned: 1 }, 2), ['b 1']);
  });

  test('a worker that only returns or reports places does not change the limit', () => {
    const authority = new PlaceAuthority<string>();
    said(authority, 'a', { max: 4, wanted: 4 });
    said(authority, 'b', { max: 4, wanted: 1 });
    assert.deepEqual(said(authority, 'a', { max: 4, returned: 1 }, 1), ['b 1']);
    assert.deepEqual(said(authority, 'c', { max: 4, wanted: 1 }, 2), ['c 0 scarce', 'b 0 scarce']);
    assert.deepEqual(said(authority, 'b', { max: 1, returned: 1 }, 3), ['c 1']);
    said(authority, 'b', { max: 1, held: 1 }, 4);
    said(authority, 'd', { max: 5, wanted: 1 }, 4);
    assert.deepEqual(said(authority, 'a', { max: 1, returned: 1 }, 5), ['d 1']);
  });
});
