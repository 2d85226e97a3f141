import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { RunRecord } from '../../src/lab/report/run-record.ts';
import { processesBehind } from '../../src/lab/system/local-target.ts';
import { type ChildServer, startChildServer } from '../support/child-server.ts';
import { eventually } from '../support/raw.ts';
import { readRun } from '../support/runs.ts';
import { runRampart, spawnRampart } from '../support/stack.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'rampart-lab-truth-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));
const env = { RAMPART_DATA_DIR: dataDir };
const sloFile = join(dataDir, 'shop.yaml');
writeFileSync(
  sloFile,
  `service: shop
endpoints:
  - { id: cpu, load: { weight: 1 }, gate: { p95: 20s }, request: { path: "/cpu/{{n}}" } }
  - { id: items, load: { weight: 3 }, gate: { p95: 10s, failed: 5% }, request: { path: "/items/{{n}}" } }
`,
);
const lab = (...args: string[]) => runRampart(['lab', ...args, '--slo', sloFile], env);

async function against<Result>(body: string, use: (server: ChildServer) => Promise<Result>): Promise<Result> {
  const server = await startChildServer(body);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

const ok = "setTimeout(() => res.end('ok'), 5)";
const reportsOf = ({ id }: RunRecord): string =>
  ['report.html', 'report.md', 'junit.xml'].map((name) => readFileSync(join(dataDir, 'runs', id, name), 'utf8')).join();

describe('a report of a service that is not Rampart', () => {
  test('names its target and targets, no commit or version, the processes behind its port, and no class', async () => {
    await against(ok, async ({ url }) => {
      const load = ['--from', '20', '--to', '60', '--by', '20', '--gate', '20', '--hold', '1', '--failed', '100'];
      const { stdout, stderr } = await lab('ramp', '--url', url, ...load, '--json');
      const run = readRun(stdout);
      assert.deepEqual([run.target, run.commit, run.version, run.machine.node], [url, ...Array(3).fill('not known')]);
      assert.match(run.machine.system, /^linux|darwin/);
      assert.deepEqual(
        run.marks.p95.map(({ name }) => name),
        ['target of cpu: 20000', 'target of items: 10000'],
      );
      assert.deepEqual(
        run.gates.map(({ name }) => name),
        ['cpu at 20 requests/s', 'items at 20 requests/s'],
      );
      const use = run.series[0]?.steps[0]?.use;
      assert.equal(use?.processes.length, 1, stderr);
      assert.equal(typeof use?.foreignCpuShare, 'number');
      assert.ok(run.findings.some((line) => /class not known \(wait and exec not known/.test(line)));
      assert.doesNotMatch(reportsOf(run), /NaN|undefined|e-\d\d/);
      assert.match(reportsOf(run), new RegExp(url));
    });
  });

  test('lab matrix fails where half is refused, and its classes name no slots', async () => {
    const half = "state.n = (state.n ?? 0) + 1; res.statusCode = state.n % 2 ? 200 : 503; res.end('ok')";
    await against(half, async ({ url }) => {
      const load = ['--concurrency', '2,3', '--hold', '0.5', '--cycle-delay', '5', '--json'];
      const run = readRun((await lab('matrix', '--url', url, ...load)).stdout);
      assert.deepEqual(
        run.series.map(({ name }) => name),
        ['cpu', 'items', 'mixed'],
      );
      const refused = run.gates.filter(({ name }) => /errors and refusals|targets of its endpoints/.test(name));
      assert.deepEqual(
        refused.map(({ passed }) => passed),
        [false, true, false, false, false, false],
        JSON.stringify(refused),
      );
      assert.notEqual(run.verdict, 'passed');
      for (const { limit } of run.series) assert.doesNotMatch(limit, /slots/);
      assert.doesNotMatch(reportsOf(run), /NaN/);
    });
  });

  test('a service that serves nothing has no latency, and no number in its place', async () => {
    await against("res.statusCode = 500; res.end('no')", async ({ url }) => {
      const times = [
        '--baseline',
        '1',
        '--rise',
        '1',
        '--hold',
        '1',
        '--recovery',
        '1',
        '--users',
        '4',
        '--normal',
        '2',
      ];
      const { stdout, stderr } = await lab('spike', '--url', url, ...times, '--cycle-delay', '20', '--json');
      const run = readRun(stdout);
      assert.notEqual(run.verdict, 'passed');
      assert.match(run.gates.find(({ name }) => /while held/.test(name))?.got ?? '', /not known/);
      assert.ok(run.findings.includes('Nothing is known of the recovery, as nothing of the normal load succeeded.'));
      assert.doesNotMatch(`${reportsOf(run)}${stderr}${JSON.stringify(run.findings)}`, /NaN/);
    });
  });
});

describe('a target that ends', () => {
  test('lab soak ends with it, and says so', async () => {
    await against(ok, async (server) => {
      const args = [
        'lab',
        'soak',
        '--url',
        server.url,
        '--slo',
        sloFile,
        '--duration',
        '30',
        '--window',
        '2',
        '--json',
      ];
      const child = spawnRampart(args, env);
      let [stdout, stderr] = ['', ''];
      child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      await eventually('a window is over', () => stderr.includes('1 of '), 30_000);
      await server.stop();
      const code = await new Promise((resolve) => child.once('close', resolve));
      assert.equal(code, 3);
      const run = readRun(stdout);
      assert.equal(run.verdict, 'invalid');
      assert.deepEqual([run.reasons.length, run.gates.length], [1, 0]);
      assert.match(run.reasons[0] ?? '', /^the target is gone: .* ECONNREFUSED/);
      assert.ok(run.seconds < 60, `${run.seconds} s`);
      assert.doesNotMatch(reportsOf(run), /NaN/);
    });
  });

  test('lab capacity and lab ramp end with it, instead of probing nobody', async () => {
    for (const experiment of ['capacity', 'ramp']) {
      await against('process.exit()', async ({ url }) => {
        // The first look is answered by the end of the process: then nobody is there.
        const { code, stderr } = await lab(experiment, '--url', url, '--hold', '0.5');
        assert.equal(code, 3, stderr);
        assert.match(stderr, /Cannot reach/);
        assert.doesNotMatch(stderr, /requests\/s/);
      });
    }
  });
});

test('processesBehind finds who listens, what it started, and who it is connected to, but not its clients', async () => {
  const behind = await startChildServer(ok);
  const agent = 'state.agent ??= new http.Agent({ keepAlive: true });';
  const front = await startChildServer(
    `${agent} http.get('${behind.url}', { agent: state.agent }, (reply) => { reply.resume(); reply.on('end', () => res.end('ok')); });`,
  );
  try {
    const client = await startChildServer(
      `${agent} http.get('${front.url}', { agent: state.agent }, (reply) => { reply.resume(); reply.on('end', () => res.end('ok')); });`,
    );
    try {
      await (await fetch(client.url)).text();
      // The client stands for the lab here, which started neither of the two.
      const pids = processesBehind(front.port, client.child.pid).map(({ pid }) => pid);
      assert.deepEqual(new Set(pids), new Set([front.child.pid, behind.child.pid]));
      assert.deepEqual(
        processesBehind(behind.port, client.child.pid).map(({ pid }) => pid),
        [behind.child.pid],
      );
    } finally {
      await client.stop();
    }
  } finally {
    await Promise.all([front.stop(), behind.stop()]);
  }
  assert.deepEqual(processesBehind(front.port), []);
});

test('lab list has the runs of the folder, with what each has measured', async () => {
  await against(ok, async ({ url }) => {
    const run = readRun(
      (await lab('ramp', '--url', url, '--from', '20', '--to', '20', '--gate', '20', '--hold', '0.5', '--json')).stdout,
    );
    const { stdout } = await runRampart(['lab', 'list'], env);
    const row = stdout.split('\n').find((line) => line.includes(run.id)) ?? '';
    assert.ok(row.includes(url) && row.includes('cpu 25 %, items 75 %'), stdout);
  });
});
