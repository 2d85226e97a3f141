import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../../../../src/gateway/exchange.ts';
import { RequestTrace } from '../../../../src/gateway/traces/request-trace.ts';

const target = { method: 'GET', path: '/', upstream: 'app', backend: 'a', origin: 'http://a' };

function opened(isWritten: boolean) {
  const written: string[] = [];
  const trace: RequestTrace = new RequestTrace({} as Exchange, 'a'.repeat(32), undefined, true, {
    writeRequest: ({ attempts }) => {
      trace.isWritten = isWritten;
      written.push(`request with ${attempts.length}`);
    },
    writeLateAttempt: (_trace, { resends }) => void written.push(`late attempt ${resends}`),
  });
  return { trace, written };
}

test('RequestTrace: is written when the request and all its attempts have ended, whichever ends last', () => {
  for (const order of ['request first', 'request last']) {
    const { trace, written } = opened(true);
    const [one, other] = [trace.attempt(target, 0, 0), trace.attempt(target, 0, 1)];
    if (order === 'request first') trace.ended(200, 1);
    one.end(1, 200, undefined, false);
    assert.deepEqual(written, [], order);
    other.end(2, 0, undefined, true);
    if (order === 'request last') trace.ended(200, 1);
    assert.deepEqual(written, ['request with 2'], order);
  }
});

test('RequestTrace: an attempt after that, as of a fetch for the cache, is written alone, if the request was', () => {
  for (const isWritten of [true, false]) {
    const { trace, written } = opened(isWritten);
    trace.ended(200, 1);
    trace.attempt(target, 5, 7).end(9, 200, undefined, false);
    assert.deepEqual(written, ['request with 0', ...(isWritten ? ['late attempt 7'] : [])]);
  }
});
