import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsFailures, samplerNames, samplerOf } from '../../../../src/policy/traces/sampling.ts';

const trace = (last: string): string => last.padStart(32, '1');

test('samplers: what each says of a request that starts a trace, and of parents that sample or do not', () => {
  const said = samplerNames.map((name) => {
    const sampler = samplerOf(name, 0);
    return [name, ...[undefined, true, false].map((parentSampled) => sampler({ traceId: trace('5'), parentSampled }))];
  });
  assert.deepEqual(said, [
    ['always_on', true, true, true],
    ['always_off', false, false, false],
    ['traceidratio', false, false, false],
    ['parentbased_always_on', true, true, false],
    ['parentbased_always_off', false, true, false],
    ['parentbased_traceidratio', false, true, false],
  ]);
});

test('samplers: a ratio keeps the traces whose last 56 bits are high enough', () => {
  const half = samplerOf('traceidratio', 0.5);
  const keeps = (last14: string): boolean => half({ traceId: trace(last14), parentSampled: undefined });
  assert.deepEqual(['00000000000000', '7fffffffffff00', '80000000000000', 'ffffffffffffff'].map(keeps), [
    false,
    false,
    true,
    true,
  ]);
  const quarter = samplerOf('traceidratio', 0.25);
  assert.equal(quarter({ traceId: trace('bfffffffffff00'), parentSampled: undefined }), false);
  assert.equal(quarter({ traceId: trace('c0000000000000'), parentSampled: undefined }), true);
  assert.equal(samplerOf('traceidratio', 1)({ traceId: trace('00000000000000'), parentSampled: undefined }), true);
  for (const none of [0, 1e-20])
    assert.equal(samplerOf('traceidratio', none)({ traceId: trace('f'.repeat(14)), parentSampled: undefined }), false);
});

test('keepsFailures: samplers that are off want no traces at all', () => {
  assert.deepEqual(
    samplerNames.filter((name) => !keepsFailures(name)),
    ['always_off', 'parentbased_always_off'],
  );
});
