import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { startMixedLoad } from '../support/mixed-load.ts';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';

interface Reply {
  readonly status: number;
  readonly etag: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each endpoint has a body of its own
  readonly body: any;
}

const configOf = (backends: readonly string[], more: object = {}): ConfigFile => ({
  upstreams: { app: { backends: [...backends], cap: 16, healthPath: '/health', ...more } },
  routes: [
    { endpoint: 'all', path: '/*', upstream: 'app', authenticate: false, request: { set: { 'x-api-key': 'hunter2' } } },
  ],
});

describe('the configuration in the admin API', () => {
  let host: ReloadHost;
  let origins: readonly string[];

  before(async () => {
    host = await startReloadHost((all) => configOf(all.slice(0, 3)));
    ({ origins } = host.app);
  });
  after(() => host.stop());

  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> => {
    const reply = await fetch(`${host.stack.adminUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: reply.status, etag: reply.headers.get('etag') ?? '', body: await reply.json() };
  };
  const post = (path: string, body: unknown): Promise<Reply> => ask('POST', path, body);
  const current = (): Promise<Reply> => ask('GET', '/api/config');
  const backendsInForce = async (): Promise<string[]> =>
    (await host.stack.status()).backends.map(({ backend }) => `http://${backend}`);
  const reset = async (): Promise<void> => {
    await host.reload(configOf(origins.slice(0, 3)), '--force');
    const { body, etag } = await ask('GET', '/api/config?layer=file');
    assert.match(etag, /^"file-/);
    const put = await ask('PUT', '/api/config?force', body, { 'if-match': '*' });
    assert.equal(put.status, 200, JSON.stringify(put.body));
  };

  test('GET shows the three layers, and no secret', async () => {
    const effective = await current();
    assert.equal(effective.status, 200);
    assert.match(effective.etag, /^"1-[0-9a-f]{16}"$/);
    assert.deepEqual(effective.body.upstreams.app.backends, origins.slice(0, 3));
    assert.equal(JSON.stringify(effective.body).includes('hunter2'), false);
    assert.equal(effective.body.routes[0].request.set['x-api-key'], '(set, not shown)');
    assert.deepEqual((await ask('GET', '/api/config?layer=overrides')).body, { overrides: [], pinned_version: null });
    assert.equal((await ask('GET', '/api/config?layer=file')).body.upstreams.app.cap, 16);
    assert.equal((await ask('GET', '/api/config?layer=x')).status, 400);
  });

  test('PUT needs If-Match, is in force when it answers, and keeps what was hidden', async () => {
    const { body, etag } = await current();
    const wanted = { ...body, upstreams: { app: { ...body.upstreams.app, cap: 5 } } };
    assert.equal((await ask('PUT', '/api/config', wanted)).status, 428);
    assert.equal((await ask('PUT', '/api/config', wanted, { 'if-match': '"0-0"' })).status, 412);
    const dry = await ask('PUT', '/api/config?dryRun', wanted, { 'if-match': etag });
    assert.deepEqual([dry.status, dry.body.outcome, dry.body.changes.length], [200, 'checked', 1]);
    const put = await ask('PUT', '/api/config', wanted, { 'if-match': etag });
    assert.deepEqual([put.status, put.body.outcome], [200, 'applied']);
    assert.notEqual(put.etag, etag);
    assert.equal((await current()).etag, put.etag);
    assert.deepEqual(await host.workerVersions(), [put.body.version, put.body.version]);
    const { overrides } = (await ask('GET', '/api/config?layer=overrides')).body;
    assert.deepEqual(
      overrides.map(
        ({ path, base, value, persist }: { path: string; base: unknown; value: unknown; persist: boolean }) => [
          path,
          base,
          value,
          persist,
        ],
      ),
      [['upstreams.app.cap', 16, 5, false]],
    );
  });

  test('PUT of a wrong configuration is 422 with every problem, and changes nothing', async () => {
    const { body, etag } = await current();
    const wrong = { ...body, upstreams: { app: { ...body.upstreams.app, cap: 0, balancer: 'best' } } };
    const put = await ask('PUT', '/api/config', wrong, { 'if-match': etag });
    assert.equal(put.status, 422);
    assert.equal(put.body.reason, 'config-invalid');
    assert.deepEqual(
      put.body.errors.map((text: string) => text.split(': ')[1]),
      ['upstreams.app.cap', 'upstreams.app.balancer'],
    );
    assert.equal((await current()).etag, etag);
    for (const text of ['[]', '7', 'null']) {
      const reply = await fetch(`${host.stack.adminUrl}/api/config`, {
        method: 'PUT',
        body: text,
        headers: { 'content-type': 'application/json', 'if-match': etag },
      });
      assert.equal(reply.status, 400);
    }
  });

  test('of two writers with the same ETag one gets 412', async () => {
    await reset();
    const { body, etag } = await current();
    const put = (cap: number): Promise<Reply> =>
      ask('PUT', '/api/config', { ...body, upstreams: { app: { ...body.upstreams.app, cap } } }, { 'if-match': etag });
    const replies = await Promise.all([put(6), put(7)]);
    assert.deepEqual(replies.map(({ status }) => status).toSorted(), [200, 412]);
    const won = replies.find(({ status }) => status === 200);
    assert.equal((await current()).etag, won?.etag);
  });

  test('the file wins where it changes a value that was set beside it, and the answer says so', async () => {
    await reset();
    await post('/api/backends', { upstream: 'app', action: 'cap', cap: 5 });
    const other = await host.reload(configOf(origins.slice(0, 3), { required: true }));
    assert.match(other.stdout, /live {4}upstreams\.app\.required is set to true\n/);
    assert.equal((await current()).body.upstreams.app.cap, 5);
    const wins = await host.reload(configOf(origins.slice(0, 3), { cap: 9 }));
    assert.match(
      wins.stdout,
      /note {4}the file has changed upstreams\.app\.cap, which admin API, \S+ had set to 5: the file wins\n/,
    );
    assert.equal((await current()).body.upstreams.app.cap, 9);
    assert.deepEqual((await ask('GET', '/api/config?layer=overrides')).body.overrides, []);
  });

  test('backends are added, drained, taken back and removed under load, and no request fails', async () => {
    await reset();
    const load = await startMixedLoad({ url: host.stack.url, perSecond: 60, eventStreams: 5, tunnels: 5 });
    const [, second = '', , fourth = ''] = origins;
    const act = async (action: string, backend: string, status = 200): Promise<void> => {
      const reply = await post('/api/backends', { upstream: 'app', action, backend, why: 'maintenance' });
      assert.equal(reply.status, status, JSON.stringify(reply.body));
    };
    await act('add', fourth);
    assert.ok((await backendsInForce()).includes(fourth));
    await act('drain', second);
    assert.equal((await backendsInForce()).includes(second), false);
    const { drained, backends } = (await current()).body.upstreams.app;
    assert.deepEqual([drained, backends.includes(second)], [[second], true]);
    await act('undrain', second);
    assert.ok((await backendsInForce()).includes(second));
    await act('remove', fourth);
    assert.deepEqual((await ask('GET', '/api/config?layer=overrides')).body.overrides, []);
    await act('remove', fourth, 404);
    const { kept, fresh, failures, cut } = await load.stop();
    assert.deepEqual({ failures, cut }, { failures: [], cut: [] });
    assert.deepEqual([kept.outcomes, fresh.outcomes], [{ '200': kept.sent }, { '200': fresh.sent }]);
    assert.equal((await post('/api/backends', { upstream: 'none', action: 'cap', cap: 5 })).status, 404);
    assert.equal((await post('/api/backends', { upstream: 'app', action: 'explode', backend: second })).status, 400);
  });

  test('the removal of most backends is 409 without force', async () => {
    await reset();
    const { body, etag } = await current();
    const wanted = { ...body, upstreams: { app: { ...body.upstreams.app, backends: origins.slice(0, 1) } } };
    const refused = await ask('PUT', '/api/config', wanted, { 'if-match': etag });
    assert.deepEqual([refused.status, refused.body.reason], [409, 'config-guarded']);
    assert.equal((await ask('PUT', '/api/config?force', wanted, { 'if-match': etag })).status, 200);
  });

  test('a rollback is in force until the file changes, and outlives control', async () => {
    await reset();
    const before = await host.version();
    await host.reload(configOf(origins.slice(0, 3), { cap: 3 }));
    const back = await post('/api/config/rollback', { version: before, why: 'too small' });
    assert.deepEqual([back.status, back.body.outcome, (await current()).body.upstreams.app.cap], [200, 'applied', 16]);
    assert.match(
      (await host.stack.run('reload')).stdout,
      new RegExp(`version ${before} is in force in place of the file`),
    );
    await restartControl();
    assert.equal((await current()).body.upstreams.app.cap, 16);
    assert.equal((await ask('GET', '/api/config?layer=overrides')).body.pinned_version, before);
    const changed = await host.reload(configOf(origins.slice(0, 3), { cap: 4 }));
    assert.match(changed.stdout, /the file has changed: version \d+ is no longer in its place/);
    assert.equal((await current()).body.upstreams.app.cap, 4);
    assert.equal((await post('/api/config/rollback', { version: 9999 })).status, 404);
    const { versions, in_force: inForce } = (await ask('GET', '/api/config/versions')).body;
    assert.equal(versions[0].version, inForce);
    const rolledBack = versions.find(({ why }: { why: string }) => why === 'too small');
    assert.match(rolledBack.who, /^admin API, /);
    assert.deepEqual(rolledBack.changes, ['upstreams.app.cap changes from 3 to 16']);
  });

  /** Kills control; the supervisor starts another. */
  const restartControl = async (): Promise<void> => {
    const { pid } = (await host.stack.status()).control;
    process.kill(pid, 'SIGKILL');
    await eventually(
      'another control has all workers',
      async () => {
        const status = await host.stack.status().catch(() => undefined);
        return status !== undefined && status.control.pid !== pid && status.workers.length === 2;
      },
      20_000,
    );
  };

  test('an override outlives control only with persist', async () => {
    await reset();
    await post('/api/backends', { upstream: 'app', action: 'cap', cap: 7 });
    const { body, etag } = await current();
    const wanted = { ...body, upstreams: { app: { ...body.upstreams.app, required: true } } };
    assert.equal((await ask('PUT', '/api/config?persist', wanted, { 'if-match': etag })).status, 200);
    await restartControl();
    const { cap, required } = (await current()).body.upstreams.app;
    assert.deepEqual([cap, required], [7, true], 'a PUT with persist keeps what it contains');
    await reset();
    await post('/api/backends', { upstream: 'app', action: 'cap', cap: 7 });
    await restartControl();
    assert.equal((await current()).body.upstreams.app.cap, 16);
  });

  test('the reload of the file has an endpoint, and fifty versions are kept', async () => {
    await reset();
    host.write(configOf(origins.slice(0, 3), { cap: 11 }));
    const dry = await post('/api/config/reload', { dryRun: true });
    assert.deepEqual([dry.status, dry.body.outcome], [200, 'checked']);
    assert.equal((await post('/api/config/reload', {})).body.outcome, 'applied');
    host.write('throw new Error("no")');
    assert.equal((await post('/api/config/reload', {})).status, 422);
    for (let cap = 20; cap < 72; cap++) {
      assert.equal((await post('/api/backends', { upstream: 'app', action: 'cap', cap })).status, 200);
    }
    const files = readdirSync(join(host.stack.dataDir, 'config')).filter((name) => name.startsWith('version-'));
    assert.equal(files.length, 50);
    assert.equal((await ask('GET', '/api/config/versions')).body.versions.length, 50);
  });
});
