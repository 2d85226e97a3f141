import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type LooseHost, startLooseHost } from '../support/loose-host.ts';
import { eventually } from '../support/raw.ts';
import { endProcess } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';

describe('backends join and leave', () => {
  let host: LooseHost;
  const generators = new Map<number, ChildProcess>();

  before(async () => {
    host = await startLooseHost({ GENERATOR_INSTANCES: '2', GENERATOR_CONCURRENCY: '4', GENERATOR_KIND: 'calibrated' });
  });

  after(() => host.stop());

  const names = (): string[] => [...generators.keys()].map((index) => `generator-${index}`);
  const start = (index: number): void => void generators.set(index, host.startGenerator(index));

  async function stop(index: number): Promise<void> {
    const child = generators.get(index) as ChildProcess;
    generators.delete(index);
    assert.equal(await endProcess(child, 'SIGINT'), 0);
  }

  /** Does something under load: no request may fail. */
  async function underLoad(act: () => Promise<void>): Promise<void> {
    const client = startSteadyClient({ url: host.url, key: host.key, perSecond: 60, keepAlive: true });
    let result;
    try {
      await act();
    } finally {
      result = await client.stop();
    }
    assert.deepEqual(result.outcomes, { '201': result.sent });
  }

  /** Requests that each backend has answered. */
  async function served(): Promise<Record<string, number>> {
    const found = (await host.metrics()).matchAll(
      /^rampart_backend_requests_total\{upstream="generator",backend="([^"]+)",outcome="success"\} (\d+)$/gm,
    );
    return Object.fromEntries([...found].map(([, name, count]) => [name, Number(count)]));
  }

  /** Sends until each of the backends has answered more than before. */
  async function allAreUsed(): Promise<void> {
    const old = await served();
    await underLoad(async () => {
      await eventually(
        `all are used: ${names().join(', ')}`,
        async () => {
          const now = await served();
          return names().every((name) => (now[name] ?? 0) > (old[name] ?? 0));
        },
        20_000,
      );
    });
  }

  test('B4: 2, 4, 1 and 3 generators: each one is used, and no request fails', async () => {
    start(0);
    start(1);
    await host.usable('generator-0', 'generator-1');
    await allAreUsed();
    await underLoad(async () => {
      start(2);
      start(3);
      await host.usable(...names());
    });
    await allAreUsed();
    await underLoad(async () => {
      // The oldest ones first, as pm2 does.
      await Promise.all([0, 1, 2].map(stop));
      await host.usable('generator-3');
    });
    assert.deepEqual(
      (await host.backends()).map(({ backend, cap }) => [backend, cap]),
      [['generator-3', 4]],
    );
    assert.equal((await fetch(`${host.url}/readyz`)).status, 200);
    await allAreUsed();
    await underLoad(async () => {
      start(0);
      start(5);
      await host.usable(...names());
    });
    await allAreUsed();
  });
});
