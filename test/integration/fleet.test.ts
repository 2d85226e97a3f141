import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fleetProblem } from '../fleet/enclosure.ts';
import type { ReportRow } from '../fleet/report.ts';
import { eventually } from '../support/raw.ts';

const script = fileURLToPath(new URL('../../scripts/fleet-test.ts', import.meta.url));
const problem = fleetProblem();
const HOSTS = 3;

const startRun = (...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [script, '--json', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

/** Ids of a process and of all below it, as this machine counts them. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('three hosts under faults for a minute', { skip: problem ?? false }, () => {
  let rows: readonly ReportRow[] = [];
  let broken: readonly string[] = [];

  before(async () => {
    const run = startRun('--hosts', String(HOSTS), '--seconds', '60', '--ledger');
    const said = { stdout: '', stderr: '' };
    run.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    run.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    const code = await new Promise((resolve) => void run.once('close', resolve));
    assert.ok(code === 0 || code === 1, said.stderr);
    ({ rows, broken } = JSON.parse(said.stdout) as { rows: readonly ReportRow[]; broken: readonly string[] });
  });

  test('hosts with a cap of their own let as many times the cap through as there are hosts', () => {
    const [calm] = rows;
    assert.ok(calm !== undefined);
    assert.equal(calm.maxInFlight, HOSTS * calm.cap);
    assert.ok(calm.overPermitMs > 0);
    assert.ok(calm.usedShare > 0.95, `the load uses the cap: ${calm.usedShare}`);
  });

  test('faults came and went', () => {
    assert.ok(rows.length > 8, `faults in a minute: ${rows.length - 1}`);
  });

  test('no fault of one host reached the clients of another, none of Valkey any client, and the limit held over all hosts', () => {
    assert.deepEqual(broken, []);
  });
});

describe('a run that is killed', { skip: problem ?? false }, () => {
  let run: ChildProcess | undefined;
  after(() => run?.kill('SIGKILL'));

  test('leaves no process behind', async () => {
    run = startRun('--hosts', '1', '--seconds', '30');
    let said = '';
    run.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually('the run makes faults', () => said.split('\n').length > 2, 60_000);
    const family = familyOf(run.pid ?? 0);
    assert.ok(family.length > 8, `processes of the run: ${family.length}`);
    run.kill('SIGKILL');
    await eventually('all of them have ended', () => !family.some(isAlive));
  });
});
