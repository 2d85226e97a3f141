import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseEnv } from 'node:util';
import type { Configuration } from '../../src/lab/tuning/configuration.ts';
import { runRampart } from '../support/stack.ts';
import { readRun } from '../support/runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-tune-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const concurrencyOf = ({ configuration }: { configuration: Configuration }): number =>
  configuration.GENERATOR_CONCURRENCY;

test('tune, in its quick form: of one slot and four of known capacity it takes four, says what they bought, and writes it', async () => {
  const out = join(folder, '.env.tuned');
  const present = {
    GENERATOR_KIND: 'calibrated',
    GENERATOR_INSTANCES: '1',
    GENERATOR_CONCURRENCY: '1',
    GATEWAY_WORKERS: '1',
    RAMPART_DATA_DIR: folder,
  };
  // Four users: with one slot of 55 ms they are served 18 times a second, with four slots 72 times.
  const options = ['--quick', '--concurrency', '4', '--users', '4', '--p99', '5000', '--out', out, '--json'];
  const { code, stdout, stderr } = await runRampart(['lab', 'tune', ...options], present);
  const run = readRun(stdout);
  const { tuning } = run;
  const said = JSON.stringify({ tuning, reasons: run.reasons, stderr }, undefined, 1);
  assert.ok(tuning !== undefined, said);
  assert.equal(tuning.baseline.GENERATOR_CONCURRENCY, 1);
  assert.deepEqual(
    tuning.rungs.map(({ evaluations }) => evaluations.map(concurrencyOf)),
    [[4, 1]],
    said,
  );
  assert.equal(tuning.chosen.GENERATOR_CONCURRENCY, 4, said);
  assert.deepEqual(
    tuning.ladder.map(({ change, gain }) => [change?.name, gain?.verdict]),
    [
      [undefined, undefined],
      ['GENERATOR_CONCURRENCY', 'better'],
    ],
    said,
  );
  assert.ok((tuning.bought?.gain.throughput ?? 0) > 1, said);
  assert.deepEqual(
    run.series.map(({ name, steps }) => [name, steps.length]),
    [
      ['as it was', 3],
      ['+ GENERATOR_CONCURRENCY=4', 3],
    ],
  );
  for (const { merits } of tuning.ladder) assert.ok(merits.rssBytes > 100 * 1024 ** 2, said);

  const reports = join(folder, 'runs', run.id);
  const html = readFileSync(join(reports, 'report.html'), 'utf8');
  for (const text of ['requests/s over p99 of every configuration', '<summary>What each change bought</summary>'])
    assert.ok(html.includes(text), text);
  for (const name of readdirSync(reports)) {
    assert.doesNotMatch(readFileSync(join(reports, name), 'utf8'), /\brk_/, `${name} holds no key`);
  }
  // Where other programs take the processors, the run says that it says nothing, and writes nothing.
  assert.deepEqual(
    { code, verdict: run.verdict, isWritten: existsSync(out) },
    run.reasons.length > 0
      ? { code: 3, verdict: 'invalid', isWritten: false }
      : { code: 0, verdict: 'passed', isWritten: true },
    said,
  );
  if (!existsSync(out)) return;
  assert.deepEqual(
    { ...parseEnv(readFileSync(out, 'utf8')) },
    { GENERATOR_INSTANCES: '1', GENERATOR_CONCURRENCY: '4', GATEWAY_WORKERS: '1' },
  );
});
