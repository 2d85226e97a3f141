import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemBody } from '../../../src/core/problem.ts';

test('problemBody writes the members of RFC 9457 and ours, in one order, without those that are not known', () => {
  const problem = { status: 404, reason: 'not-found', title: 'Not found', detail: 'there is no such barcode' };
  assert.equal(
    problemBody(problem),
    '{"type":"urn:rampart:problem:not-found","title":"Not found","status":404,"detail":"there is no such barcode","reason":"not-found"}',
  );
  assert.equal(
    problemBody({ ...problem, requestId: 'r-1', errors: [{ field: 'id' }] }),
    '{"type":"urn:rampart:problem:not-found","title":"Not found","status":404,"detail":"there is no such barcode","reason":"not-found","request_id":"r-1","errors":[{"field":"id"}]}',
  );
});
