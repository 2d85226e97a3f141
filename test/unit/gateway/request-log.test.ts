import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { AddressSet } from '../../../src/core/addresses.ts';
import { Exchange } from '../../../src/gateway/exchange.ts';
import { GatewayMetrics } from '../../../src/gateway/metrics.ts';
import { RequestLog } from '../../../src/gateway/request-log.ts';
import { quietInstruments } from '../../support/instruments.ts';
import { MemoryClient } from '../../support/memory-client.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function setUp(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const clock = new ManualClock();
  const unmatched = new GatewayMetrics(quietInstruments().registry).endpoint('unmatched');
  const trustedProxies = new AddressSet([]);
  const gateway = { unmatched, trustedProxies, viaName: '', serverTiming: false, ended() {} };
  const exchange = (failure?: string): Exchange =>
    Object.assign(new Exchange(new MemoryClient(), 0, gateway), { queueMs: 1.234, execMs: 2, failure });
  return { lines, clock, exchange, requestLog: new RequestLog(log, clock) };
}

test('RequestLog logs only slow and failed requests, with their times by phase', () => {
  const { lines, exchange, requestLog } = setUp();
  requestLog.write(exchange(), 200, 500);
  requestLog.write(exchange('client-closed'), 499, 3);
  requestLog.write(exchange(), 200, 501);
  requestLog.write(exchange('upstream-failed'), 502, 1);
  assert.deepEqual(
    lines.map(({ msg, status, elapsedMs, waitMs, error }) => [msg, status, elapsedMs, waitMs, error]),
    [
      ['slow request', 200, 501, 1.23, undefined],
      ['failed request', 502, 1, 1.23, 'upstream-failed'],
    ],
  );
});

test('RequestLog writes at most 20 lines a second, and then how many it left out', () => {
  const { lines, clock, exchange, requestLog } = setUp();
  for (let index = 0; index < 100; index++) requestLog.write(exchange('overloaded'), 503, 1);
  assert.equal(lines.length, 20);
  clock.advance(1000);
  requestLog.write(exchange('overloaded'), 503, 1);
  assert.equal(lines.length, 22);
  assert.equal(lines[20]?.['suppressed'], 80);
});

test('RequestLog writes every request at level debug', () => {
  const { lines, exchange, requestLog } = setUp('debug');
  requestLog.write(exchange(), 200, 1);
  assert.equal(lines[0]?.['msg'], 'request');
});

test("RequestLog writes a backend's own 5xx at warn, one line a second for each backend, with the number left out", () => {
  const { lines, clock, exchange, requestLog } = setUp();
  const fromBackend = (backend: string) => Object.assign(exchange(), { upstream: 'shop', backend });
  for (let index = 0; index < 10; index++) requestLog.write(fromBackend('one'), 500, 1);
  requestLog.write(fromBackend('two'), 503, 1);
  clock.advance(1000);
  requestLog.write(fromBackend('one'), 500, 1);
  assert.deepEqual(
    lines.map(({ level, msg, backend, status, suppressed }) => [level, msg, backend, status, suppressed]),
    [
      [40, 'a backend answered with an error', 'one', 500, undefined],
      [40, 'a backend answered with an error', 'two', 503, undefined],
      [40, 'a backend answered with an error', 'one', 500, 9],
    ],
  );
});

test('RequestLog counts the time to the head of a reply, and calls no tunnel and no long poll slow', () => {
  const { lines, exchange, requestLog } = setUp();
  const upstream = { execPhase: 'upstream' as const };
  requestLog.write(Object.assign(exchange(), upstream, { execMs: 400 }), 200, 60_000);
  requestLog.write(Object.assign(exchange(), upstream, { execMs: 60_000, tunnelled: true }), 101, 60_000);
  requestLog.write(Object.assign(exchange(), upstream, { execMs: 60_000, route: { longLived: true } }), 200, 60_000);
  assert.deepEqual(lines, []);
  requestLog.write(Object.assign(exchange(), upstream, { queueMs: 200, coalescedMs: 200, execMs: 101 }), 200, 502);
  assert.deepEqual(
    lines.map(({ msg, waitMs, execMs, phase }) => [msg, waitMs, execMs, phase]),
    [['slow request', 400, 101, 'upstream']],
  );
});
