import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { simulate } from '../../../src/cli/simulate.ts';
import { UsageError } from '../../../src/core/errors.ts';

/** What the command prints. */
async function output(args: string[], folder = '.'): Promise<string> {
  let text = '';
  const stdout = { write: (part: string) => (text += part) };
  assert.equal(await simulate(args, { stdout, stderr: stdout, env: {}, folder }), 0);
  return text;
}

async function problemsOf(...args: string[]): Promise<readonly string[]> {
  const error = await output(args).then(
    () => assert.fail('was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UsageError, String(error));
  return error.problems.length > 0 ? error.problems : [error.message];
}

const small = ['--requests', '2000', '--backends', '10', '--load', '0.5,0.9', '--balancers', 'prequal,round-robin'];

describe('rampart simulate', () => {
  test('prints one line a run, and how long it took', async () => {
    const text = await output(small);
    assert.match(text, /^prequal: 10 x 2 workers, 10 backends, 537 requests\/s, exponential, seed 1\n/);
    assert.match(text, /\n50 %  prequal {6}.*\n50 %  round-robin .*\n\n90 %  prequal .*\n90 %  round-robin /);
    assert.match(text, /\n8000 requests simulated in \d+\.\d s\n$/);
  });

  test('gives the same figures for the same seed, as JSON', async () => {
    const rowsOf = async (...args: string[]): Promise<unknown> =>
      (JSON.parse(await output([...small, '--json', ...args])) as { rows: unknown }).rows;
    const first = await rowsOf('--seed', '7');
    assert.deepEqual(await rowsOf('--seed', '7'), first);
    assert.notDeepEqual(await rowsOf('--seed', '8'), first);
  });

  test('changes the fleet by the options', async () => {
    const args = ['--gateways', '3', '--workers', '1', '--law', 'pareto', '--slow', '1', '--failing', '2', '--json'];
    const { fleet } = JSON.parse(await output([...small, ...args, '--hanging', '3'])) as { fleet: object };
    const { gateways, workers, backends, law, slow, failing, hanging } = fleet as Record<string, unknown>;
    assert.deepEqual([gateways, workers, backends, law, slow, failing, hanging], [3, 1, 10, 'pareto', 1, 2, 3]);
  });

  test('writes the picture', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rampart-simulate-'));
    try {
      await output([...small, '--svg', 'picture.svg'], folder);
      assert.match(readFileSync(join(folder, 'picture.svg'), 'utf8'), /^<svg .*<\/svg>\n$/s);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('tells every wrong option at once', async () => {
    assert.deepEqual(
      await problemsOf('--gateways', '0', '--load', '0.5,,x', '--law', 'normal', '--balancers', 'best'),
      [
        "--law must be one of deterministic, exponential, pareto, bimodal: got 'normal'",
        "--gateways must be a whole number from 1 to 10000: got '0'",
        "--balancers must be one of expected-latency, prequal, peak-ewma, random-two, least-in-flight, round-robin: got 'best'",
        "--load must be numbers above 0, at most 10: got ''",
        "--load must be numbers above 0, at most 10: got 'x'",
      ],
    );
    assert.deepEqual(await problemsOf('--backends', '3', '--failing', '2', '--hanging', '1'), [
      '--slow, --failing and --hanging must leave a backend that serves: got 0 + 2 + 1 of 3',
    ]);
    assert.equal((await problemsOf('--lord', '1'))[0], 'there is no option --lord; did you mean --load?');
  });

  test('--fleet prints each figure with its promise, and writes the page', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rampart-simulate-'));
    try {
      const args = ['--fleet', '--hosts', '8', '--seconds', '2', '--only', 'contention,idle', '--out', 'fleet.html'];
      const text = await output(args, folder);
      assert.match(text, /\n8 hosts, 128 workers, 12,800 requests\/s, one cap of 205, seed 1\n/);
      assert.match(
        text,
        /All hosts want more than there is {2}cap in use, all hosts want more +\d+\.\d % +>= 97 % +✔ kept\n/,
      );
      assert.match(readFileSync(join(folder, 'fleet.html'), 'utf8'), /All 3 figures keep what is promised/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a file that cannot be written is refused before anything is simulated', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rampart-simulate-'));
    try {
      const missing = join(folder, 'reports');
      assert.deepEqual(await problemsOf('--fleet', '--out', join(missing, 'fleet.html')), [
        `--out must name a file that can be written: got '${missing}/fleet.html', and there is no folder ${missing}`,
      ]);
      assert.deepEqual(await problemsOf('--svg', folder, '--seed', 'x'), [
        "--seed must be a whole number from 0 to 999999999: got 'x'",
        `--svg must name a file that can be written: got '${folder}', which is a folder`,
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('options of --fleet and of balancers do not mix', async () => {
    assert.deepEqual(await problemsOf('--fleet', '--backends', '3', '--hosts', '1'), [
      '--backends cannot stand beside --fleet',
      "--hosts must be a whole number from 2 to 5000: got '1'",
    ]);
    assert.deepEqual(await problemsOf('--cap', '3'), ['--cap needs --fleet']);
  });

  test('helps', async () => {
    assert.match(await output(['--help']), /^usage: rampart simulate/);
  });
});
