import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Slice, type SliceEndpoint, SliceMembers } from '../../../../src/policy/membership/slice-members.ts';

type State = 'ready' | 'starting' | 'ending' | 'ending, serving';
const endpoint = (last: number, state: State = 'ready'): SliceEndpoint => ({
  address: `10.0.0.${last}`,
  port: 80,
  isReady: state === 'ready',
  isServing: state === 'ready' || state === 'ending, serving',
  isTerminating: state.startsWith('ending'),
});
const slice = (endpoints: SliceEndpoint[], more: Partial<Slice> = {}): Slice => ({
  name: 'app-1',
  version: undefined,
  family: 'IPv4',
  endpoints,
  ...more,
});
const ready = (...numbers: number[]): Slice => slice(numbers.map((each) => endpoint(each)));
const addresses = (members: SliceMembers): string =>
  members.found
    .map(({ address }) => address.slice('10.0.0.'.length))
    .toSorted()
    .join(' ');
const withReady = (...numbers: number[]): SliceMembers => {
  const members = new SliceMembers([]);
  members.listed([ready(...numbers)]);
  return members;
};

test('a list and its changes are followed, and an event that is older than the slice is ignored', () => {
  const members = new SliceMembers([]);
  assert.equal(members.listed([slice([endpoint(1), endpoint(2)], { version: 5 })]), true);
  members.changed(slice([endpoint(1), endpoint(2), endpoint(3)], { version: 6 }));
  assert.equal(addresses(members), '1 2 3');
  members.changed(slice([endpoint(1)], { version: 5 }));
  assert.equal(addresses(members), '1 2 3');
  members.changed(slice([endpoint(4)], { name: 'app-2', version: 3 }));
  assert.equal(addresses(members), '1 2 3 4');
  members.removed('app-2');
  assert.equal(addresses(members), '1 2 3');
});

test('endpoints that end leave at once, however many', () => {
  const members = withReady(1, 2, 3, 4);
  members.changed(slice([endpoint(1, 'ending, serving'), endpoint(2, 'ending'), endpoint(3, 'ending'), endpoint(4)]));
  assert.equal(addresses(members), '4');
  assert.equal(members.isKeeping, false);
});

test('if none is ready, those that still serve are used, and if none serves, nothing changes', () => {
  const members = withReady(1, 2);
  members.changed(slice([endpoint(1, 'ending, serving'), endpoint(2, 'ending')]));
  assert.equal(addresses(members), '1');
  for (const answer of [[], [ready()], [slice([endpoint(1, 'ending'), endpoint(7, 'starting')])]])
    for (let round = 0; round < 5; round++) assert.equal(members.listed(answer), false);
  assert.equal(addresses(members), '1');
});

test('if more than half are gone or not ready at once, they stay until three full lists say so', () => {
  const members = withReady(1, 2, 3, 4);
  members.changed(slice([endpoint(1), endpoint(2, 'starting'), endpoint(5)]));
  assert.equal(addresses(members), '1 2 3 4 5');
  assert.equal(members.isKeeping, true);
  const less = slice([endpoint(1), endpoint(5)]);
  for (const expected of ['1 2 3 4 5', '1 5']) {
    members.listed([less]);
    assert.equal(addresses(members), expected);
  }
  assert.equal(members.isKeeping, false);
});

test('half of them leave at once, and the count begins anew when the others are back', () => {
  const members = withReady(1, 2, 3, 4);
  members.listed([ready(1, 2)]);
  assert.equal(addresses(members), '1 2');
  const many = withReady(1, 2, 3, 4);
  for (let round = 0; round < 4; round++) {
    many.listed([ready(1)]);
    many.listed([ready(1)]);
    many.listed([ready(1, 2, 3, 4)]);
    assert.equal(addresses(many), '1 2 3 4');
  }
});

test('known backends of the control before are treated as found', () => {
  const members = new SliceMembers([1, 2, 3].map((last) => ({ address: `10.0.0.${last}`, port: 80, priority: 0 })));
  members.listed([ready(3)]);
  assert.equal(addresses(members), '1 2 3');
});

test('a pod of a Service with two families is one backend, and an endpoint in two slices is ready if one says so', () => {
  const members = new SliceMembers([]);
  members.listed([
    slice([{ ...endpoint(9), address: 'fd00::9' }], { name: 'app-6', family: 'IPv6' }),
    slice([endpoint(9), endpoint(8, 'starting')]),
    slice([endpoint(8)], { name: 'app-2' }),
    slice([endpoint(8, 'starting')], { name: 'app-3' }),
  ]);
  assert.equal(addresses(members), '8 9');
  members.listed([slice([{ ...endpoint(9), address: 'fd00::9' }], { family: 'IPv6' })]);
  members.listed([slice([{ ...endpoint(9), address: 'fd00::9' }], { family: 'IPv6' })]);
  members.listed([slice([{ ...endpoint(9), address: 'fd00::9' }], { family: 'IPv6' })]);
  assert.deepEqual(members.found, [{ address: 'fd00::9', port: 80, priority: 0 }]);
});

test('whatever the API says, there are backends once there were, and truth that is told three times wins', () => {
  const states = fc.constantFrom<State>('ready', 'starting', 'ending', 'ending, serving');
  const slices = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 8 }), states), { maxLength: 8 })
    .map((all) => slice(all.map(([last, state]) => endpoint(last, state))));
  const lies = fc.array(
    fc.oneof(
      slices,
      slices.map((one) => [one]),
      fc.constant('removed' as const),
    ),
    { maxLength: 20 },
  );
  const truth = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1 });
  fc.assert(
    fc.property(lies, truth, (events, last) => {
      const members = withReady(1, 2, 3);
      for (const event of events) {
        if (event === 'removed') members.removed('app-1');
        else if (Array.isArray(event)) members.listed(event);
        else members.changed(event);
        assert.ok(members.found.length > 0);
      }
      for (let round = 0; round < 3; round++) members.listed([ready(...last)]);
      assert.equal(addresses(members), last.toSorted().join(' '));
    }),
  );
});
