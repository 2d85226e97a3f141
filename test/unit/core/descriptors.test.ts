import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsFor } from '../../../src/core/descriptors.ts';

test('connectionsFor leaves descriptors for backends and for the process itself', () => {
  assert.equal(connectionsFor(1_048_576, 32), 1_048_480);
  assert.equal(connectionsFor(1024, 100), 860);
  // Never more than half for the backends, whose caps may be far above what is used.
  assert.equal(connectionsFor(1024, 100_000), 480);
  assert.equal(connectionsFor(50, 10), 16);
  assert.equal(connectionsFor(undefined, 10), undefined);
});
