import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestIdOf, traceparentOf, traceParentOf } from '../../../../src/gateway/http/trace-context.ts';

const trace = '1'.repeat(32);
const parent = '2'.repeat(16);

test('II.9: traceparentOf passes on what can be read, higher versions as the one that it knows', () => {
  assert.equal(traceparentOf(`00-${trace}-${parent}-01`), `00-${trace}-${parent}-01`);
  assert.equal(traceparentOf(`cc-${trace}-${parent}-01`), `00-${trace}-${parent}-01`);
  assert.equal(traceparentOf(`01-${trace}-${parent}-fe-more-of-it`), `00-${trace}-${parent}-00`);
});

test('B9: traceparentOf makes no context, sampled or not, where none can be read', () => {
  for (const bad of [
    undefined,
    '',
    '00-bad',
    `ff-${trace}-${parent}-01`,
    `00-${trace}-${parent}-01-more`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase().replaceAll('1', 'A')}-${parent}-01`,
    `01-${trace}-${parent}-01more`,
  ])
    assert.equal(traceparentOf(bad), '', bad ?? 'none');
});

test('requestIdOf takes a well-formed id, and makes one else', () => {
  assert.equal(requestIdOf('my-id.1'), 'my-id.1');
  assert.match(requestIdOf('a b'), /^[0-9a-f]{32}$/);
  assert.notEqual(requestIdOf(undefined), requestIdOf(undefined));
});

test('traceParentOf reads the ids and every value of the flags', () => {
  const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  for (let flags = 0; flags < 256; flags++) {
    const said = `00-${trace}-${span}-${flags.toString(16).padStart(2, '0')}`;
    assert.deepEqual(traceParentOf(said), { traceId: trace, spanId: span, flags });
  }
  assert.equal(traceParentOf(''), undefined);
});
