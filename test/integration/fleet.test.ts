import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fleetProblem } from '../fleet/enclosure.ts';
import type { ReportRow } from '../fleet/report.ts';
import type { SharedRow } from '../fleet/shared-report.ts';
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

interface RunResult {
  readonly rows: readonly ReportRow[];
  readonly broken: readonly string[];
}

/** A run to its end. */
async function resultOf(...args: readonly string[]): Promise<RunResult> {
  const run = startRun('--hosts', String(HOSTS), ...args);
  const said = { stdout: '', stderr: '' };
  run.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  run.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const code = await new Promise((resolve) => void run.once('close', resolve));
  assert.ok(code === 0 || code === 1, said.stderr);
  return JSON.parse(said.stdout) as RunResult;
}

describe('three hosts', { skip: problem ?? false }, () => {
  test('with a cap of their own let as many times the cap through as there are hosts', async () => {
    const { rows, broken } = await resultOf('--scope', 'host', '--seconds', '10', '--fault', 'control stands still');
    const [calm] = rows;
    assert.equal(calm?.maxInFlight, HOSTS * (calm?.cap ?? 0));
    assert.deepEqual(broken, []);
  });

  test('with one cap keep it under faults, and use it, and no fault reaches those that it did not strike', async () => {
    const { rows, broken } = await resultOf('--seconds', '40');
    assert.ok(rows.length > 6, `faults: ${rows.length - 1}`);
    assert.deepEqual(broken, []);
    const sum = (of: (row: SharedRow) => number): number =>
      rows.reduce((all, { shared }) => all + (shared === undefined ? 0 : of(shared)), 0);
    const [purged, batches] = [sum(({ purgedByAll }) => purgedByAll), sum(({ batches: count }) => count)];
    assert.ok(purged > 10 && batches > 10, `purges: ${purged}, batches: ${batches}`);
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
