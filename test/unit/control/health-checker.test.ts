import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { UpstreamConfig } from '../../../src/config/model.ts';
import { HealthChecker } from '../../../src/control/health-checker.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { eventually } from '../../support/raw.ts';

const health = { host: undefined, intervalMs: 500, timeoutMs: 1000, rise: 2, fall: 3, cancelOnDown: false };

function upstream(name: string, origin: string, path: string | undefined): UpstreamConfig {
  return {
    name,
    backends: [{ id: 'one', origin }],
    health: path === undefined ? undefined : { ...health, path },
    cap: 1,
    queueCapacity: 1,
    queueTimeoutMs: 1,
    isQueueTimeoutSet: true,
  } as unknown as UpstreamConfig;
}

test('a backend is up or down from its first answer on; one without a health path is neither', async () => {
  const held: (() => void)[] = [];
  const server = createServer((_, response) => held.push(() => void response.writeHead(503).end()));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let changes = 0;
  const checker = new HealthChecker(
    [upstream('a', origin, '/healthz'), upstream('b', origin, undefined)],
    { clock: new ManualClock(), random: () => 0.5 },
    () => void changes++,
    () => ({ inFlight: 0, cap: 1 }),
  );
  const states = () => checker.health().map(({ up, checked }) => [up, checked]);
  await eventually('it asks', () => held.length === 1);
  assert.deepEqual(states(), [
    [undefined, false],
    [undefined, false],
  ]);
  held[0]?.();
  await eventually('it knows', () => changes === 1);
  assert.deepEqual(states(), [
    [false, true],
    [undefined, false],
  ]);
  checker.stop();
  server.close();
  server.closeAllConnections();
});

test('a backend that joins is checked at once, and one that has left no more', async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = new ManualClock();
  const checker = new HealthChecker(
    [upstream('a', origin, '/healthz'), upstream('b', origin, '/healthz')],
    { clock, random: () => 0.5 },
    () => {},
    () => ({ inFlight: 0, cap: 1 }),
  );
  const ups = () => checker.health().map((one) => [one.upstream, one.backend, one.up].join(' '));
  await eventually('both are up', () => ups().every((text) => text.endsWith('true')));
  checker.useBackends('a', [
    { id: 'one', origin },
    { id: 'two', origin },
  ]);
  await eventually('the new one is up', () => ups().includes('a two true'));
  assert.deepEqual(ups().toSorted(), ['a one true', 'a two true', 'b one true'], 'the others stay as they were');
  checker.useBackends('a', []);
  assert.deepEqual(ups(), ['b one true']);
  const before = asked;
  clock.advance(600);
  await eventually('the one that is left is checked', () => asked === before + 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(asked, before + 1);
  // The same name elsewhere is another backend: nothing is known of it.
  checker.useBackends('b', [{ id: 'one', origin: 'http://127.0.0.1:1' }]);
  assert.deepEqual(ups(), ['b one ']);
  checker.stop();
  server.close();
  server.closeAllConnections();
});
