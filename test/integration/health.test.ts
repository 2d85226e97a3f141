import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, type Stack, startStack } from '../support/stack.ts';

const program = join(import.meta.dirname, '../support/busy-backend.mjs');

interface BackendStatus {
  readonly upstream: string;
  readonly backend: string;
  readonly up: boolean | null;
  readonly checked: boolean;
}

describe('backends that are busy, restart, or are down', () => {
  let stack: Stack;
  let port: number;
  const backends = new Map<number, ChildProcess>();

  async function launch(offset: number, ...args: string[]): Promise<void> {
    const child = fork(program, [String(port + offset), ...args]);
    await once(child, 'message');
    backends.set(offset, child);
  }

  before(async () => {
    port = await freePorts(8);
    await Promise.all([launch(0), launch(1), launch(2), launch(3), launch(4, '2')]);
    const at = (offset: number): string => `http://127.0.0.1:${port + offset}`;
    const route = (name: string) => ({
      endpoint: name,
      path: `/${name}/*`,
      upstream: name,
      authenticate: false,
      timeoutMs: 30_000,
    });
    // The backends see the whole path: they take its end.
    const config = {
      upstreams: {
        sync: { backends: [at(0), at(1)], cap: 1, healthPath: '/health' },
        wait: { backends: [at(2), at(3)], cap: 8, healthPath: '/health' },
        only: { backends: [at(4)], cap: 2, health: { path: '/health', timeoutMs: 300, intervalMs: 100 } },
        gone: { backends: [at(5)], healthPath: '/health' },
        unchecked: { backends: [at(6)] },
      },
      routes: ['sync', 'wait', 'gone'].map(route).concat({ ...route('only'), path: '/only/*' }),
    };
    const file = join(tmpdir(), `rampart-health-${process.pid}.config.ts`);
    writeFileSync(file, `export default ${JSON.stringify(config)};\n`);
    stack = await startStack({ GATEWAY_WORKERS: '2', GENERATOR_INSTANCES: '1', RAMPART_CONFIG: file });
  });
  after(async () => {
    for (const child of backends.values()) child.kill('SIGKILL');
    assert.equal(await stack.stop(), 0);
  });

  const states = async (upstream: string): Promise<[boolean | null, boolean][]> =>
    ((await stack.status()).backends as readonly BackendStatus[])
      .filter((each) => each.upstream === upstream)
      .map(({ up, checked }) => [up, checked]);
  const post = async (path: string): Promise<number> => {
    const reply = await fetch(`${stack.url}${path}`, { method: 'POST', body: 'work' });
    assert.equal(await reply.text(), 'done', String(reply.status));
    return reply.status;
  };

  for (const ms of [4200, 6500]) {
    test(`work that holds the event loop for ${ms} ms, at both backends, is answered`, async () => {
      assert.deepEqual(await Promise.all([post(`/sync/${ms}`), post(`/sync/${ms}`)]), [200, 200]);
    });
  }

  test('a rolling restart of backends that drain loses nothing', async () => {
    const requests = Array.from({ length: 8 }, () => post('/wait/4000'));
    const countAt = async (offset: number) =>
      Number(await (await fetch(`http://127.0.0.1:${port + offset}/count`)).text());
    await eventually('they are in flight', async () => (await countAt(2)) + (await countAt(3)) === 8);
    for (const offset of [2, 3]) {
      const ending = endProcess(backends.get(offset) as ChildProcess, 'SIGTERM');
      await eventually('it is down', async () => (await states('wait'))[offset - 2]?.[0] === false);
      await ending;
      await launch(offset);
      await eventually('it is back', async () => (await states('wait'))[offset - 2]?.[0] === true);
    }
    assert.deepEqual(await Promise.all(requests), Array<number>(8).fill(200));
  });

  test('the only backend, whose health check times out while it is full, keeps its requests and gets none twice', async () => {
    const get = () => fetch(`${stack.url}/only/3000`).then(async (reply) => [reply.status, await reply.text()]);
    assert.deepEqual(await Promise.all([get(), get()]), [
      [200, 'done'],
      [200, 'done'],
    ]);
    assert.equal(await (await fetch(`http://127.0.0.1:${port + 4}/count`)).text(), '2');
    assert.deepEqual(await states('only'), [[true, true]]);
  });

  test('/readyz does not depend on an upstream that is not required; one without checks is not said to be up', async () => {
    await eventually('it is known to be down', async () => (await states('gone'))[0]?.[0] === false);
    assert.equal((await fetch(`${stack.url}/readyz`)).status, 200);
    assert.deepEqual(await states('unchecked'), [[null, false]]);
    const metrics = await stack.metrics();
    assert.match(metrics, /rampart_backend_up\{upstream="gone",backend="[^"]*"\} 0\n/);
    assert.doesNotMatch(metrics, /rampart_backend_up\{upstream="unchecked"/);
  });
});
