import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { snapshotPath } from '../../src/config/snapshot.ts';
import { runFolder } from '../../src/core/run-folder.ts';
import { startMixedLoad } from '../support/mixed-load.ts';
import { eventually } from '../support/raw.ts';
import { type ReloadHost, startReloadHost } from '../support/reload-host.ts';
import { processesOf, runRampart } from '../support/stack.ts';

describe('the running instance', () => {
  let host: ReloadHost;

  before(async () => {
    host = await startReloadHost((origins) => ({
      upstreams: { app: { backends: [...origins], cap: 16, healthPath: '/health' } },
      routes: [{ endpoint: 'all', path: '/*', upstream: 'app', authenticate: false }],
    }));
  });
  after(() => host.stop());

  const workerPids = async (): Promise<number[]> => (await host.stack.status()).workers.map(({ pid }) => pid);
  const settled = (): Promise<void> =>
    eventually('all is well', async () => (await host.stack.run('status')).code === 0);

  test('rampart status shows processes, version and backends', async () => {
    await settled();
    const { code, stdout, stderr } = await host.stack.run('status');
    assert.deepEqual([code, stderr], [0, '']);
    const pids = await workerPids();
    assert.match(
      stdout,
      /^● well since \S+: everything is in order\n\nRampart \S+ in \S+\nconfiguration version 1 \(\w{12}\) since /,
    );
    assert.match(stdout, new RegExp(`\nsupervisor +${host.stack.supervisor.pid}\n`));
    for (const pid of pids) assert.match(stdout, new RegExp(`\ngateway \\d +${pid} +\\d+ s +configuration 1\n`));
    for (const origin of host.app.origins)
      assert.match(stdout, new RegExp(`\napp +${origin.slice(7)} +up +\\d+ / 16\n`));
    const json = JSON.parse((await host.stack.run('status', '--json')).stdout) as { workers: unknown[] };
    assert.equal(json.workers.length, 2);
  });

  test('rampart status: 3 where nothing runs, 64 for wrong usage', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rampart-none-'));
    const none = await runRampart(['status'], { RAMPART_DATA_DIR: folder });
    assert.deepEqual([none.code, none.stdout], [3, '']);
    assert.match(none.stderr, new RegExp(`nothing of Rampart runs for ${folder}; rampart start starts it`));
    assert.equal((await runRampart(['status', '--jsno'], { RAMPART_DATA_DIR: folder })).code, 64);
    const reload = await runRampart(['reload'], { RAMPART_DATA_DIR: folder });
    assert.equal(reload.code, 2);
    assert.match(reload.stderr, /Cannot reload, as nothing of Rampart runs for /);
    assert.match(
      (await runRampart(['stop'], { RAMPART_DATA_DIR: folder })).stderr,
      /Cannot stop, as nothing of Rampart runs/,
    );
    rmSync(folder, { recursive: true });
  });

  test('SIGUSR2 replaces the workers one after another, and no request fails', async () => {
    const before = await workerPids();
    const load = await startMixedLoad({ url: host.stack.url, perSecond: 100, eventStreams: 0, tunnels: 0 });
    const { code, stdout, stderr } = await host.stack.run('reload', '--workers');
    const { kept, fresh, failures } = await load.stop();
    assert.deepEqual([code, stdout, stderr], [0, '2 workers are replaced\n', '']);
    const after = await workerPids();
    assert.equal(after.length, 2);
    assert.deepEqual(
      after.filter((pid) => before.includes(pid)),
      [],
    );
    assert.deepEqual(failures, []);
    assert.deepEqual([kept.outcomes, fresh.outcomes], [{ '200': kept.sent }, { '200': fresh.sent }]);
  });

  test('a new worker that does not start leaves the old ones, and the reason is said', async () => {
    const before = await workerPids();
    const snapshot = snapshotPath(runFolder(host.stack.dataDir));
    const [good, file] = [readFileSync(snapshot, 'utf8'), readFileSync(host.path, 'utf8')];
    writeFileSync(snapshot, 'no JSON');
    host.write('no configuration');
    const { code, stdout, stderr } = await host.stack.run('reload', '--workers');
    writeFileSync(snapshot, good);
    host.write(file);
    assert.deepEqual([code, stdout], [1, '0 workers are replaced\n']);
    assert.match(
      stderr,
      /the others stay as they are, because a new one does not start: gateway 0 ended before it was ready/,
    );
    assert.match(host.stack.output(), /rampart\.config\.ts cannot be loaded/);
    assert.deepEqual(await workerPids(), before);
    assert.equal((await fetch(`${host.stack.url}/json`)).status, 200);
  });

  test('rampart stop stops all of it', async () => {
    const { code, stdout, stderr } = await host.stack.run('stop');
    assert.deepEqual([code, stdout, stderr], [0, '', 'rampart: stopped\n']);
    assert.deepEqual(processesOf(host.stack.dataDir), []);
    // This process may hear of the end a moment later than the command.
    await eventually('the supervisor has ended', () => host.stack.supervisor.exitCode !== null);
    assert.equal(host.stack.supervisor.exitCode, 0);
  });
});
