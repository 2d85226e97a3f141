import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawHeader } from '../../../src/core/raw-headers.ts';

test('rawHeader finds names, and takes no value for one', () => {
  assert.equal(rawHeader(['x-note', 'connection', 'connection', 'close'], 'connection'), 'close');
  assert.equal(rawHeader(['x-note', 'connection'], 'connection'), undefined);
  assert.equal(rawHeader(['vary', 'content-type', 'content-type', 'vary'], 'content-type'), 'vary');
  assert.equal(rawHeader(['content-type', ''], 'content-type'), '');
  assert.equal(rawHeader([], 'content-type'), undefined);
});
