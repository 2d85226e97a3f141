import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyBound } from '../../../src/store/valkey/reply-bound.ts';

const SLACK = 128 * 1024;

test('ReplyBound: nothing may come unasked, and no more than the next reply and one read of a socket', () => {
  const bound = new ReplyBound();
  assert.equal(bound.isExceededBy(1), true);
  const asked = new ReplyBound();
  asked.asked(1000);
  asked.asked(5);
  assert.equal(asked.isExceededBy(1000 + SLACK), false);
  assert.equal(asked.isExceededBy(1), true);
  asked.answered();
  assert.equal(asked.isExceededBy(5 + SLACK), false, 'from the next reply on it counts anew');
  assert.equal(asked.isExceededBy(1), true);
  asked.answered();
  assert.equal(asked.isExceededBy(0), false);
  assert.equal(asked.isExceededBy(1), true, 'all has been answered');
});

test('ReplyBound: messages may come at any time, each up to its limit', () => {
  const bound = new ReplyBound();
  bound.allowMessages(100);
  assert.equal(bound.isExceededBy(100), false);
  assert.equal(bound.isExceededBy(1), true);
  bound.heard();
  assert.equal(bound.isExceededBy(100), false);
});
