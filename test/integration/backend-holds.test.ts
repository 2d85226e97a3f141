import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { startStack, type Stack } from '../support/stack.ts';

interface Held {
  readonly backend: string;
  readonly cap: number;
  readonly held: string | null;
}

describe('backends that a person keeps requests from', () => {
  let stack: Stack;

  before(async () => {
    stack = await startStack({ GENERATOR_KIND: 'calibrated', CALIBRATED_SERVICE_TIME_MS: '5', GATEWAY_WORKERS: '2' });
  });

  after(() => stack?.stop());

  const order = (verb: string, body: unknown = {}, backend = 'generator-0'): Promise<Response> =>
    fetch(`${stack.adminUrl}/api/backends/generator/${backend}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const stateOf = async (name: string): Promise<Pick<Held, 'cap' | 'held'>> => {
    const { backends } = (await stack.status()) as unknown as { backends: Held[] };
    const { cap, held } = backends.find(({ backend }) => backend === name) as Held;
    return { cap, held };
  };
  let made = 0;
  /** Each another one, because a cached image needs no backend. */
  const create = async (): Promise<number> =>
    (
      await fetch(`${stack.url}/v1/barcodes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stack.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ symbology: 'qrcode', text: `held ${made++}` }),
      })
    ).status;
  /** The requests that a backend has got, by the workers' metrics. */
  const servedBy = async (backend: string): Promise<number> =>
    [...(await stack.metrics()).matchAll(/^rampart_backend_requests_total\{([^}]*)\} (\d+)/gm)]
      .filter(([, labels = '']) => labels.includes(`backend="${backend}"`))
      .reduce((sum, [, , count]) => sum + Number(count), 0);

  test('a drained backend gets no requests while the others serve all, over a control that is killed', async () => {
    const drained = await order('drain');
    assert.deepEqual(
      [drained.status, await drained.json()],
      [200, { upstream: 'generator', backend: 'generator-0', held: 'drained' }],
    );
    assert.deepEqual(await stateOf('generator-0'), { cap: 0, held: 'drained' });
    await create();
    const before = await servedBy('generator-0');
    for (let sent = 0; sent < 40; sent++) assert.equal(await create(), 201);
    assert.equal(await servedBy('generator-0'), before);
    const { control } = await stack.status();
    process.kill(control.pid, 'SIGKILL');
    await eventually('another control answers', () =>
      stack.status().then(
        (status) => status.control.pid !== control.pid,
        () => false,
      ),
    );
    await eventually('it knows the backend', async () => (await stateOf('generator-0')).held === 'drained');
    await eventually('the cap is 0', async () => (await stateOf('generator-0')).cap === 0);
    for (let sent = 0; sent < 10; sent++) assert.equal(await create(), 201);
    assert.equal((await order('undrain')).status, 200);
    assert.deepEqual(await stateOf('generator-0'), { cap: 4, held: null });
    await eventually('it serves again', async () => {
      await Promise.all([create(), create(), create(), create(), create(), create()]);
      return (await servedBy('generator-0')) > before;
    });
  });

  test('an ejected backend comes back by itself', async () => {
    assert.equal((await order('eject', { seconds: 1 })).status, 200);
    assert.deepEqual(await stateOf('generator-0'), { cap: 0, held: 'ejected' });
    await eventually('it is back', async () => (await stateOf('generator-0')).held === null);
    assert.deepEqual(await stateOf('generator-0'), { cap: 4, held: null });
  });

  test('what cannot be done says why', async () => {
    const problem = async (answer: Promise<Response>): Promise<unknown[]> => {
      const response = await answer;
      return [response.status, ((await response.json()) as { reason: string }).reason];
    };
    assert.deepEqual(await problem(order('drain', {}, 'none')), [404, 'not-found']);
    assert.deepEqual(await problem(order('undrain')), [409, 'not-held']);
    assert.deepEqual(await problem(order('eject', { seconds: 0 })), [400, 'invalid-request']);
    assert.deepEqual(await problem(order('drain', { seconds: 1 })), [400, 'invalid-request']);
    assert.deepEqual(await problem(order('stop')), [405, 'method-not-allowed']);
    assert.deepEqual(await problem(order('drain', {}, '%E0%A4%A')), [405, 'method-not-allowed']);
  });
});
