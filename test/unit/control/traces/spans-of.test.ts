import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptSpan, requestSpans } from '../../../../src/control/traces/spans-of.ts';
import { attributeOf, readSpan } from '../../../support/spans.ts';
import { attemptRecord, requestRecord } from '../../../support/trace-records.ts';

test('requestSpans: a request and its attempt, in the exact form of OTLP', () => {
  const [server, client] = requestSpans(
    requestRecord({ parentId: 'd'.repeat(16), flags: 1, traceState: 'vendor=a:1,other=b', queueMs: 0.5 }),
  );
  assert.deepEqual(JSON.parse(server ?? ''), {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceState: 'vendor=a:1,other=b',
    parentSpanId: 'd'.repeat(16),
    // Sampled; the parent is known, and in another process.
    flags: 0x301,
    name: 'GET /products/*',
    kind: 2,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000010250000',
    attributes: [
      { key: 'http.request.method', value: { stringValue: 'GET' } },
      { key: 'http.route', value: { stringValue: '/products/*' } },
      { key: 'url.path', value: { stringValue: '/products/1' } },
      { key: 'url.scheme', value: { stringValue: 'http' } },
      { key: 'network.protocol.version', value: { stringValue: '1.1' } },
      { key: 'http.response.status_code', value: { intValue: '200' } },
      { key: 'client.address', value: { stringValue: '127.0.0.1' } },
      { key: 'rampart.endpoint', value: { stringValue: 'products' } },
      { key: 'rampart.request_id', value: { stringValue: 'r-1' } },
      { key: 'rampart.wait_ms', value: { doubleValue: 0.5 } },
      { key: 'rampart.exec_ms', value: { doubleValue: 8 } },
    ],
    events: [
      {
        timeUnixNano: '1700000000001000000',
        name: 'got a permit',
        attributes: [
          { key: 'rampart.wait_queue_ms', value: { doubleValue: 0.5 } },
          { key: 'rampart.wait_permit_ms', value: { doubleValue: 0 } },
        ],
      },
    ],
    status: {},
  });
  const { parentSpanId, traceState, flags } = JSON.parse(client ?? '') as Record<string, unknown>;
  assert.deepEqual([parentSpanId, traceState, flags], ['b'.repeat(16), 'vendor=a:1,other=b', 0x101]);
});

test('requestSpans: whatever clients write stays a value, and an unknown method is _OTHER', () => {
  const hostile = '"},{"\\\u0000\n\u2028\uFFFFé';
  const [server] = requestSpans(requestRecord({ method: 'PURGE', route: hostile, userAgent: hostile, attempts: [] }));
  const span = readSpan(server ?? '');
  assert.equal(attributeOf(span, 'http.request.method'), '_OTHER');
  assert.equal(attributeOf(span, 'http.request.method_original'), 'PURGE');
  assert.equal(attributeOf(span, 'http.route'), hostile);
  assert.equal(span.name, `HTTP ${hostile}`);
});

test('requestSpans: a span never ends before it starts', () => {
  const [server] = requestSpans(requestRecord({ endMs: 1 }));
  const { startTimeUnixNano, endTimeUnixNano } = readSpan(server ?? '');
  assert.equal(startTimeUnixNano, endTimeUnixNano);
});

test('attemptSpan: where it went, for a host, a TLS host, IPv6 and a socket', () => {
  const placeOf = (origin: string): unknown[] => {
    const span = readSpan(
      attemptSpan({
        traceId: 'a'.repeat(32),
        parentId: 'b'.repeat(16),
        flags: 3,
        traceState: '',
        attempt: attemptRecord({ origin }),
      }),
    );
    return [attributeOf(span, 'server.address'), attributeOf(span, 'server.port')];
  };
  assert.deepEqual(placeOf('http://10.0.0.7:3000'), ['10.0.0.7', '3000']);
  assert.deepEqual(placeOf('https://api.example'), ['api.example', '443']);
  assert.deepEqual(placeOf('http://[::1]:80'), ['[::1]', '80']);
  assert.deepEqual(placeOf('unix:/run/app.sock'), ['unix:/run/app.sock', undefined]);
});
