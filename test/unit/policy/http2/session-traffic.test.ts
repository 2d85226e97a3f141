import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFlood } from '../../../../src/policy/http2/session-traffic.ts';

const none = { receivedBytes: 0, requests: 0, bodyBytes: 0, replyBytes: 0 };

test('isFlood lets a session send what its requests need: heads, bodies, windows of replies', () => {
  assert.equal(isFlood({ ...none, receivedBytes: 60_000 }), false);
  assert.equal(isFlood({ ...none, receivedBytes: 1_600_000, requests: 100 }), false);
  // An upload in pieces of ten bytes, each in a frame with a head of nine.
  assert.equal(isFlood({ ...none, receivedBytes: 19_000_000, requests: 1, bodyBytes: 10_000_000 }), false);
  // A download of a gigabyte, with a WINDOW_UPDATE for each of its frames of 16 KiB.
  assert.equal(isFlood({ ...none, receivedBytes: 850_000, requests: 1, replyBytes: 1_000_000_000 }), false);
});

test('isFlood finds a session that sends frames without meaning', () => {
  assert.equal(isFlood({ ...none, receivedBytes: 70_000 }), true);
  assert.equal(isFlood({ ...none, receivedBytes: 500_000, requests: 10 }), true);
});
