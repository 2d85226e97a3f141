import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { labReport } from '../../../../src/cli/lab/report.ts';
import { UsageError } from '../../../../src/core/errors.ts';
import { type StoredName, storedRunOf } from '../../../support/lab-runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-lab-report-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const runs = join(folder, 'data', 'runs');

/** Puts a stored run where the lab puts its runs; its id. */
function stored(name: StoredName): string {
  const run = storedRunOf(name);
  mkdirSync(join(runs, run.id), { recursive: true });
  writeFileSync(join(runs, run.id, 'run.json'), JSON.stringify(run));
  return run.id;
}

const ids = { ramp: stored('ramp'), five: stored('ramp-of-five'), spike: stored('spike') };

async function report(...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const out = { write: (part: string) => void (text += part) };
  const env = { RAMPART_DATA_DIR: join(folder, 'data') };
  return { code: await labReport(args, { stdout: out, stderr: out, env, folder }), text };
}

test('lab report writes the reports of a run, and exits with its code', async () => {
  const { code, text } = await report(ids.spike);
  assert.equal(code, 1);
  assert.match(text, /^✖ spike failed: Does not withstand a crowd of 12 users: .*\nreport: .*\/report\.html\n$/);
  assert.match(readFileSync(join(runs, ids.spike, 'report.html'), 'utf8'), /^<!doctype html>/);
  assert.match(readFileSync(join(runs, ids.spike, 'report.md'), 'utf8'), /^# ✖ spike failed\n/);
});

test('lab report --line and --markdown print, and write nothing', async () => {
  const line = await report(ids.ramp, '--line');
  assert.equal(line.code, 0);
  assert.match(line.text, /^✔ ramp passed: Carries 50 requests\/s .*\)\n$/);
  const block = await report(ids.ramp, '--markdown');
  assert.match(block.text, /^### ✔ ramp passed\n/);
  assert.equal(existsSync(join(runs, ids.ramp, 'report.html')), false);
});

test('lab report last is the newest run', async () => {
  assert.match((await report('last', '--line')).text, /20261127164758528-ramp/);
  await assert.rejects(
    labReport(['last'], { stdout: { write() {} }, stderr: { write() {} }, env: { RAMPART_DATA_DIR: folder }, folder }),
    /There is no run in .*runs yet: begin with rampart lab prove/,
  );
});

test('lab report A B prints what was different, and writes both curves into the folder of B or to --out', async () => {
  const { code, text } = await report(ids.ramp, ids.five);
  assert.equal(code, 0);
  assert.match(text, /own: GENERATOR_CONCURRENCY: 4 → 5\n/);
  assert.match(text, /B carries 75\.1 requests\/s within its targets, A 50/);
  const path = join(runs, ids.five, `against-${ids.ramp}.html`);
  assert.ok(text.endsWith(`report: ${path}\n`), text);
  assert.match(readFileSync(path, 'utf8'), /Both curves/);
  await report(ids.ramp, ids.five, '--out', 'pair.html');
  assert.ok(existsSync(join(folder, 'pair.html')));
  assert.match((await report(ids.ramp, ids.five, '--line')).text, /^A .*\n$/);
  assert.match((await report(ids.ramp, ids.five, '--markdown')).text, /^### ramp: B against A\n/);
});

test('lab report writes the page of two runs into the folder of B, whatever id run.json gives A', async () => {
  for (const [id, name] of [
    ['../../escaped', 'against-.._.._escaped.html'],
    ['/a\\b c', 'against-_a_b_c.html'],
    ['x'.repeat(5000), `against-${'x'.repeat(100)}.html`],
  ] as const) {
    mkdirSync(join(folder, 'foreign'), { recursive: true });
    writeFileSync(join(folder, 'foreign', 'run.json'), JSON.stringify({ ...storedRunOf('ramp'), id }));
    await report('foreign', ids.five);
    assert.ok(existsSync(join(runs, ids.five, name)), name);
  }
});

test('lab report refuses what it cannot do, with what would work', async () => {
  const refused = async (args: string[], message: RegExp) =>
    assert.rejects(report(...args), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match([error.message, ...error.problems].join('\n'), message);
      return true;
    });
  await refused([ids.ramp, '--line', '--markdown'], /--line, --markdown and --out exclude each other/);
  await refused([ids.ramp, '--out', 'x.html'], /--out is for two runs: the report of one stands in its folder/);
  await refused(
    [ids.ramp, ids.five, '--out', 'nowhere/x.html'],
    /Cannot write the page .*ENOENT.* Name another file with --out/,
  );
  await refused(['nothing'], /There is no run in .*nothing: rampart lab list names those that there are/);
  await refused(['a', 'b', 'c'], /takes the name or folder of a run, or of two: got 'a b c'/);
});
