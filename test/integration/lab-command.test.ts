import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunRecord } from '../../src/lab/report/run-record.ts';
import { eventually } from '../support/raw.ts';
import { readRun } from '../support/runs.ts';
import { processesOf, runRampart, spawnRampart, startStack } from '../support/stack.ts';

const started = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('rampart-lab-'));

describe('rampart lab', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rampart-runs-'));
  let present: string[] = [];
  before(() => void (present = started()));
  after(() => rmSync(dataDir, { recursive: true, force: true }));
  const left = (): string[] => started().filter((name) => !present.includes(name));

  test('wrong usage is exit code 2, with every problem at once', async () => {
    const { code, stderr } = await runRampart(['lab', 'ramp', '--from', 'x', '--key', 'rk_a', '--to', '0'], {});
    assert.equal(code, 2);
    assert.match(stderr, /--key and --key-file .* need --url/);
    assert.match(stderr, /--from must be a number from 1/);
    const slo = await runRampart(['lab', 'capacity', '--mix', 'all', '--slo', '/nowhere/slo.yaml'], {});
    assert.equal(slo.code, 2);
    assert.match(slo.stderr, /--slo cannot be read: .*ENOENT/);
    assert.match(slo.stderr, /--mix must be create or slo: got 'all'/);
    assert.equal((await runRampart(['lab', 'nothing'], {})).code, 2);
    for (const name of [
      '',
      'prove',
      'ramp',
      'capacity',
      'matrix',
      'compare',
      'tune',
      'soak',
      'spike',
      'report',
      'list',
      'forecast',
    ]) {
      const help = await runRampart(['lab', ...(name === '' ? [] : [name]), '--help'], {});
      assert.equal(help.code, 0);
      assert.match(help.stdout, /^usage: rampart lab/);
    }
  });

  test('prove, in its quick form: the single topology is at its known capacity, and reports are written', async () => {
    const { code, stdout, stderr } = await runRampart(['lab', 'prove', '--quick', '--json'], {
      RAMPART_DATA_DIR: dataDir,
    });
    const run = readRun(stdout);
    const said = JSON.stringify({ gates: run.gates, reasons: run.reasons, stderr }, undefined, 1);
    // Whether six generators reach their mark is for npm run prove, because it depends on the machine.
    assert.equal(code, { passed: 0, failed: 1, invalid: 3 }[run.verdict], said);
    assert.equal(run.gates[0]?.passed, true, said);
    const [single = 0, scaled = 0] = run.series.map(
      ({ confirmations }) => confirmations[0]?.figures.throughputPerSecond,
    );
    assert.ok(scaled > 3 * single, said);
    assert.deepEqual(
      run.series.map(({ name }) => name),
      ['single', 'scaled', 'real barcodes'],
    );
    for (const { steps, confirmations } of run.series) {
      for (const { figures } of [...steps, ...confirmations]) {
        assert.equal(figures.errorShare, 0, said);
        assert.equal(
          Object.values(figures.outcomes).reduce((sum, count) => sum + count, 0),
          figures.requests,
        );
      }
    }
    const folder = join(dataDir, 'runs', run.id);
    assert.deepEqual(readdirSync(folder).sort(), ['junit.xml', 'report.html', 'report.md', 'run.json']);
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), 'utf8');
      assert.doesNotMatch(text, /\brk_/, `${name} holds no key`);
      if (name === 'report.html') assert.doesNotMatch(text, / src=| href=|url\(|@import/, 'it needs no other file');
    }
    assert.deepEqual(left(), []);
  });

  test('Ctrl-C in its midst stops what the lab has started', async () => {
    const child = spawnRampart(['lab', 'ramp', '--kind', 'calibrated'], { RAMPART_DATA_DIR: dataDir });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually('the ramp goes on', () => said.includes('50.0 requests/s'), 60_000);
    const folder = join(tmpdir(), left()[0] as string);
    assert.ok(processesOf(folder).length > 3);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    assert.equal(code, 130);
    assert.deepEqual(left(), []);
    assert.deepEqual(processesOf(folder), []);
  });

  test('ramp against a Rampart that runs uses the key it is given, and leaves it running', async () => {
    const stack = await startStack({ GENERATOR_KIND: 'calibrated', GENERATOR_INSTANCES: '1', GATEWAY_WORKERS: '1' });
    try {
      const load = ['--from', '20', '--to', '20', '--gate', '20', '--hold', '1', '--json', '--p95', '1000'];
      const run = (...key: string[]) =>
        runRampart(['lab', 'ramp', '--url', stack.url, ...key, ...load], { RAMPART_DATA_DIR: dataDir });
      const { code, stdout } = await run('--key', stack.key);
      assert.deepEqual({ code, verdict: readRun(stdout).verdict }, { code: 0, verdict: 'passed' });
      const refused = await run('--key', `rk_${'x'.repeat(32)}`);
      assert.deepEqual([refused.code, refused.stdout], [2, '']);
      assert.match(refused.stderr, /does not accept the key \(status 401\)/);
      assert.doesNotMatch(refused.stderr, /rk_x/);
      assert.equal((await fetch(`${stack.url}/readyz`)).status, 200);
    } finally {
      await stack.stop();
    }
  });

  test('a run without a key makes one for itself, which is revoked afterwards, and is listed in PostgreSQL', async () => {
    const stack = await startStack({ GENERATOR_KIND: 'calibrated', GENERATOR_INSTANCES: '1', GATEWAY_WORKERS: '1' });
    try {
      const env = { RAMPART_DATA_DIR: stack.dataDir };
      const load = ['--from', '20', '--to', '20', '--gate', '20', '--hold', '1', '--json', '--p95', '1000'];
      const { code, stdout } = await runRampart(['lab', 'ramp', '--url', stack.url, ...load], env);
      const run = readRun(stdout);
      assert.deepEqual([code, run.verdict], [0, 'passed']);
      const keys = JSON.parse((await runRampart(['keys', 'list', '--json'], env)).stdout) as Record<string, unknown>[];
      assert.deepEqual(
        keys.map(({ name, revoked_at: revoked }) => [name, revoked !== null]),
        [
          ['lab, for one run', true],
          ['first', false],
        ],
      );
      const listed = JSON.parse((await runRampart(['lab', 'list', '--json'], env)).stdout) as Record<string, unknown>[];
      const { gates, findings } = (listed[0] ?? {})['summary'] as RunRecord;
      assert.deepEqual([listed[0]?.['id'], gates, findings], [run.id, run.gates, run.findings]);
      assert.ok(!stdout.includes('rk_'));
    } finally {
      await stack.stop();
    }
    // Where no database runs, the folders are the list.
    const { stdout } = await runRampart(['lab', 'list'], { RAMPART_DATA_DIR: dataDir });
    assert.match(stdout, /-ramp +passed .*report\.html\n/);
  });
});
