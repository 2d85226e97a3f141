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
