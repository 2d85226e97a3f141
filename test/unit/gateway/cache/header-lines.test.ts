import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderLines } from '../../../../src/gateway/cache/header-lines.ts';

test('HeaderLines gives every reply its own lines, whatever came before', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 6 }), (replies) => {
      const known = new HeaderLines();
      const shared = replies.map((each) => known.shared(each));
      assert.deepEqual(shared, replies, 'nor does a later one change those before');
    }),
  );
});

test('HeaderLines keeps lines that are alike once', () => {
  const known = new HeaderLines();
  const first = known.shared(['date', 'now', 'server', 'x']);
  assert.equal(known.shared(['date', 'now', 'server', 'x']), first);
  assert.notEqual(known.shared(['date', 'now', 'server']), first);
  assert.notEqual(known.shared(['date', 'then', 'server', 'x']), first);
});
