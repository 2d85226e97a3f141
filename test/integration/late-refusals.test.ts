import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { describe, test } from 'node:test';
import { closers, inFlight, startBackend, startGateway } from '../support/proxying.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { eventually } from '../support/raw.ts';

/** A gateway whose only permit is taken and whose queue is closed, and a client with one connection. */
async function full(more: TestGatewayOptions = {}): Promise<{ rampart: TestGateway; agent: Agent }> {
  const { origin } = await startBackend(() => {});
  const rampart = await startGateway([origin], { cap: 1, queueCapacity: 0, authenticate: false, ...more });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closers.unshift(async () => agent.destroy());
  request(`${rampart.url}/hangs`)
    .on('error', () => {})
    .end();
  await eventually('the permit is taken', () => inFlight(rampart) === 1);
  return { rampart, agent };
}

const ask = (rampart: TestGateway, agent: Agent): Promise<number> =>
  new Promise((resolve, reject) => {
    request(`${rampart.url}/more`, { agent }, (res) => {
      res.resume().on('end', () => resolve(res.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });

/** Milliseconds that so many refusals on one connection took. */
async function refusals(rampart: TestGateway, agent: Agent, count: number): Promise<number> {
  const startedAt = performance.now();
  for (let asked = 0; asked < count; asked++) assert.equal(await ask(rampart, agent), 503);
  return performance.now() - startedAt;
}

/** Asks again and again for this time, as a client that ignores `Retry-After`. */
async function refusedFor(rampart: TestGateway, agent: Agent, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) assert.equal(await ask(rampart, agent), 503);
}

/** More than the time in which new connections say nothing of a client. */
const PATIENCE_MS = 400;

describe('refusals of a client that ignores Retry-After', () => {
  test('come later each time', async () => {
    const { rampart, agent } = await full();
    await refusedFor(rampart, agent, PATIENCE_MS);
    // Ten in a row: 1 + 2 + … + 64 ms, then 100 ms each; timers are never early.
    assert.ok((await refusals(rampart, agent, 10)) >= 400);
  });

  test('cost a client that leaves nothing, and a second connection of the same client starts anew', async () => {
    const { rampart, agent } = await full();
    await refusedFor(rampart, agent, PATIENCE_MS);
    const leaving = ask(rampart, agent).catch(() => 0);
    agent.destroy();
    assert.equal(await leaving, 0);
    const other = new Agent({ keepAlive: true, maxSockets: 1 });
    closers.unshift(async () => other.destroy());
    await refusals(rampart, other, 3);
    assert.equal(inFlight(rampart), 1);
  });

  test('are at once behind a trusted proxy', async () => {
    const behind = await full({ trustedProxies: ['127.0.0.1'] });
    const direct = await full();
    for (const { rampart, agent } of [behind, direct]) await refusedFor(rampart, agent, PATIENCE_MS);
    const [proxied, held] = [
      await refusals(behind.rampart, behind.agent, 30),
      await refusals(direct.rampart, direct.agent, 30),
    ];
    // 23 × 100 ms of pauses, and otherwise the same work.
    assert.ok(held - proxied > 1000, `${held} ms direct, ${proxied} ms behind a proxy`);
  });
});
