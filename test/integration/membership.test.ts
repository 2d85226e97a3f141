import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type LooseHost, startLooseHost } from '../support/loose-host.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, runRampart, spawnRampart } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';

/** A generator alone carries 72.7 a second: what is refused at half of that is refused because a backend joins or leaves. */
const PER_SECOND = 35;

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
    const client = startSteadyClient({ url: host.url, key: host.key, perSecond: PER_SECOND, keepAlive: true });
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

  test('kill -9 of control loses no member, and the next one knows them at once', async () => {
    const { control } = await host.status();
    await underLoad(async () => {
      process.kill(control.pid, 'SIGKILL');
      await host.startControl();
      assert.deepEqual((await host.backends()).map(({ backend }) => backend).toSorted(), names().toSorted());
      await host.usable(...names());
    });
    await allAreUsed();
  });

  test('a generator that dies and is started again keeps its name, its cap and its counters', async () => {
    const setCap = JSON.stringify({ upstream: 'generator', backend: 'generator-5', cap: 2 });
    const reply = await fetch(`http://127.0.0.1:${host.settings['ADMIN_PORT']}/api/cap`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: setCap,
    });
    assert.equal(reply.status, 200);
    const before = await served();
    await endProcess(generators.get(5) as ChildProcess, 'SIGKILL');
    await eventually('it is down', async () => (await host.backends()).some(({ up }) => up === false));
    const listed = (await host.backends()).map(({ backend }) => backend);
    assert.deepEqual(listed.toSorted(), names().toSorted(), 'one that crashes does not leave');
    start(5);
    await host.usable(...names());
    await allAreUsed();
    assert.equal((await host.backends()).find(({ backend }) => backend === 'generator-5')?.cap, 2);
    await stop(5);
    await host.usable(...names());
    const after = await served();
    assert.ok((after['generator-5'] ?? 0) > (before['generator-5'] ?? 0), 'the counter stays');
    const gauges = await host.metrics();
    for (const gauge of ['up', 'cap', 'leased', 'in_flight']) {
      assert.ok(!gauges.includes(`rampart_backend_${gauge}{upstream="generator",backend="generator-5"}`), gauge);
    }
    start(5);
    await host.usable(...names());
    assert.equal((await host.backends()).find(({ backend }) => backend === 'generator-5')?.cap, 2);
  });

  test('a generator with a port of its own joins nothing, and two cannot have one port', async () => {
    const port = Number(host.settings['GENERATOR_PORT']) + 6;
    const alone = spawnRampart(['generator', '--port', String(port)], host.settings);
    try {
      await eventually(
        'it serves',
        () =>
          fetch(`http://127.0.0.1:${port}/healthz`).then(
            ({ ok }) => ok,
            () => false,
          ),
        20_000,
      );
      const twin = await runRampart(['generator'], { ...host.settings, RAMPART_INSTANCE: '5' });
      assert.equal(twin.code, 2);
      assert.match(twin.stderr, /generator 5/);
      // Its report has reached control, so an announcement would have too.
      await eventually('control knows it', async () =>
        (await host.status()).processes.some(({ pid }) => pid === alone.pid),
      );
      assert.deepEqual((await host.backends()).map(({ backend }) => backend).toSorted(), names().toSorted());
      await host.usable(...names());
    } finally {
      await endProcess(alone, 'SIGTERM');
    }
  });

  test('without control a worker starts with the backends that were there last', async () => {
    const { control, workers } = await host.status();
    process.kill(control.pid, 'SIGKILL');
    for (const { pid } of workers) process.kill(pid, 'SIGKILL');
    // The configuration names the generators 0 and 1; 1 left, and 3 and 5 have joined.
    const asked = async (): Promise<number> =>
      fetch(`${host.url}/v1/render/qrcode?text=${Math.random()}`, {
        headers: { authorization: `Bearer ${host.key}` },
      }).then(
        ({ status }) => status,
        () => 0,
      );
    await eventually('the new workers serve', async () => (await asked()) === 200, 20_000);
    const statuses = await Promise.all(Array.from({ length: 12 }, asked));
    assert.deepEqual(
      statuses,
      Array.from({ length: 12 }, () => 200),
    );
    await host.startControl();
    await host.usable(...names());
    await eventually('the workers are back', async () => (await host.status()).workers.length === 2, 20_000);
    await allAreUsed();
  });
});
