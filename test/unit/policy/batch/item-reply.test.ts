import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemVerdict } from '../../../../src/policy/batch/item-reply.ts';

const status = (code: number, retryAfterSeconds?: number) =>
  itemVerdict({ kind: 'reply', status: code, retryAfterSeconds });

test('an image is the result, and a refusal of the item its end', () => {
  assert.deepEqual(status(200), { kind: 'made' });
  for (const code of [400, 404, 413, 422]) assert.deepEqual(status(code), { kind: 'failed' });
});

test('load and pauses say nothing about the item: it waits as long as it is told, and no longer than ten seconds', () => {
  assert.deepEqual(status(503, 3), { kind: 'later', afterMs: 3000, isOwnLimit: false });
  assert.deepEqual(status(429, 3600), { kind: 'later', afterMs: 10_000, isOwnLimit: true });
  assert.deepEqual(status(503), { kind: 'later', afterMs: 1000, isOwnLimit: false });
  assert.deepEqual(itemVerdict({ kind: 'not-sent' }), { kind: 'later', afterMs: 250, isOwnLimit: false });
});

test('what broke something is suspect', () => {
  assert.deepEqual(itemVerdict({ kind: 'broken' }), { kind: 'suspect' });
  for (const code of [500, 502, 504]) assert.deepEqual(status(code), { kind: 'suspect' });
});
