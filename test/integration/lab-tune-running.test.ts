import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ChildServer, startChildServer } from '../support/child-server.ts';
import { readRun } from '../support/runs.ts';
import { eventually } from '../support/raw.ts';
import { runRampart, spawnRampart, type Stack, startStack } from '../support/stack.ts';

describe('lab tune of a Rampart that runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-tune-running-'));
  const slo = join(folder, 'slo.yaml');
  let backend: ChildServer;
  let stack: Stack;

  const capNow = async (): Promise<unknown> => {
    const { backends } = (await (await fetch(`${stack.adminUrl}/api/status`)).json()) as {
      backends: { upstream: string; cap: number }[];
    };
    return backends.find(({ upstream }) => upstream === 'app')?.cap;
  };
  const tune = (...args: string[]): ReturnType<typeof runRampart> => {
    const options = ['--url', stack.url, '--admin-url', stack.adminUrl, '--upstream', 'app', '--slo', slo, '--json'];
    return runRampart(['lab', 'tune', ...options, ...args], { RAMPART_DATA_DIR: folder });
  };

  before(async () => {
    writeFileSync(
      slo,
      'service: app\nendpoints:\n  - id: work\n    load: { weight: 1 }\n    request: { path: /work }\n',
    );
    // Twenty milliseconds of waiting: throughput follows the number in flight.
    backend = await startChildServer("setTimeout(() => res.end('done'), 20);");
    const config = join(folder, 'rampart.config.ts');
    const route = { endpoint: 'work', path: '/work', upstream: 'app', authenticate: false };
    const upstreams = { app: { backends: [backend.url], cap: 1, queueTimeoutMs: 5000 } };
    writeFileSync(config, `export default ${JSON.stringify({ upstreams, routes: [route] })};`);
    stack = await startStack({ RAMPART_CONFIG: config, GENERATOR_INSTANCES: '0' });
  });
  after(async () => {
    await stack.stop();
    await backend.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('finds the cap that serves more, says how to keep it, and puts back the one that was there', async () => {
    const options = ['--caps', '4', '--users', '4', '--hold', '1', '--p99', '5000', '--allow-changes'];
    const { code, stdout, stderr } = await tune(...options);
    assert.ok(code !== 2, stderr);
    const run = readRun(stdout);
    const names = run.series.map(({ name, steps }) => [name, steps.length]);
    assert.deepEqual(names, [
      ['cap 1, as it is', 3],
      ['cap 4', 3],
    ]);
    assert.match(run.findings.join('\n'), /Cap 4 is better than 1: .*\nTo keep it, set cap: 4 of upstream app/);
    assert.equal(run.machine.node, process.version);
    assert.notEqual(run.version, 'not known');
    assert.equal(await capNow(), 1);
  });

  test('changes nothing without --allow-changes, nor where the upstream or the options are not known', async () => {
    const silent = await tune('--caps', '4');
    assert.equal(silent.code, 2);
    assert.match(silent.stderr, /--allow-changes must be given/);
    const another = await tune('--caps', '4', '--allow-changes', '--upstream', 'shop');
    assert.equal(another.code, 3);
    assert.match(another.stderr, /there is no upstream 'shop' at http:.*: it has app/);
    const own = await tune('--caps', '4,x', '--allow-changes', '--workers', '2');
    assert.equal(own.code, 2);
    assert.match(own.stderr, /--workers is for a Rampart that the lab starts/);
    assert.match(own.stderr, /--caps takes up to 12 whole numbers from 1 to 100000: got '4,x'/);
    assert.equal(await capNow(), 1);
  });

  test('puts the cap back when it is interrupted', async () => {
    const options = ['--url', stack.url, '--admin-url', stack.adminUrl, '--upstream', 'app', '--slo', slo];
    const child = spawnRampart(
      ['lab', 'tune', ...options, '--caps', '7', '--hold', '30', '--allow-changes', '--users', '2'],
      { RAMPART_DATA_DIR: folder },
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // The present cap comes first: the second measurement, with another cap, would come after half a minute.
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually('the run has begun', () => said.includes('caps 1, 7 for each backend'), 20_000);
    await fetch(`${stack.adminUrl}/api/cap`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ upstream: 'app', cap: 7 }),
    });
    assert.equal(await capNow(), 7);
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    assert.equal(await capNow(), 1);
  });
});
