import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
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

/** A checker of two backends, each of which answers or not as `answers` says; with so many requests in flight at each. */
async function twoBackends(t: TestContext, inFlight: number) {
  const answers = [true, true];
  const servers = await Promise.all(
    [0, 1].map(async (index) => {
      const server = createServer((_, response) => void (answers[index] === true && response.end()));
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const origins = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const clock = new ManualClock();
  const changes: string[] = [];
  const app = upstream('app', '', '/healthz');
  const checker = new HealthChecker(
    [
      {
        ...app,
        backends: origins.map((origin, index) => ({ id: `b${index}`, origin })),
        health: { ...health, path: '/healthz', timeoutMs: 100 },
      },
    ],
    { clock, random: () => 0.5 },
    (changed) => changes.push(...changed.map(({ backend, up }) => `${backend} ${up}`)),
    () => ({ inFlight, cap: 16 }),
  );
  t.after(() => {
    checker.stop();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });
  const known = () => checker.health().map(({ up, problem }) => `${up} ${problem ?? 'passed'}`);
  await eventually('both are up', () => {
    // A check that a busy machine made too late is followed by another one.
    clock.advance(600);
    return known().every((text) => text === 'true passed');
  });
  changes.length = 0;
  return {
    answers,
    servers,
    changes,
    known,
    /** So many rounds of checks. */
    async checks(rounds: number) {
      for (let round = 0; round < rounds; round++) {
        clock.advance(600);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
  };
}

test('if every check times out, backends with requests in flight are still used', async (t) => {
  const { answers, changes, known, checks } = await twoBackends(t, 3);
  answers.fill(false);
  await checks(6);
  assert.deepEqual(known(), ['true timeout', 'true timeout']);
  // One of them answers again: the other one waits until it does.
  changes.length = 0;
  answers[0] = true;
  await checks(1);
  assert.deepEqual(known(), ['true passed', 'true timeout']);
  assert.deepEqual(changes, [], 'its first good check takes nothing away from it');
  await checks(4);
  assert.deepEqual(known(), ['true passed', 'false timeout']);
  assert.equal(changes.at(-1), 'b1 false');
  answers[1] = true;
  await checks(4);
  assert.deepEqual(known(), ['true passed', 'true passed']);
});

test('a backend at work that does not answer gets nothing new while another one is up', async (t) => {
  const { answers, changes, known, checks } = await twoBackends(t, 3);
  answers[1] = false;
  await checks(6);
  assert.deepEqual(known(), ['true passed', 'false timeout']);
  assert.deepEqual(changes, ['b1 false']);
});

test('backends that do not answer and have nothing to do are down, and so are those that refuse connections', async (t) => {
  const idle = await twoBackends(t, 0);
  idle.answers.fill(false);
  await idle.checks(6);
  assert.deepEqual(idle.known(), ['false timeout', 'false timeout']);
  const gone = await twoBackends(t, 3);
  for (const server of gone.servers) {
    server.close();
    server.closeAllConnections();
  }
  await gone.checks(2);
  assert.deepEqual(gone.known(), ['false ECONNREFUSED', 'false ECONNREFUSED']);
});
