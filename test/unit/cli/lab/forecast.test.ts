import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { labForecast } from '../../../../src/cli/lab/forecast.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-forecast-'));
after(() => rmSync(folder, { recursive: true }));

function runFolder(name: string): string {
  mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(new URL(`../../../data/lab-runs/${name}.json`, import.meta.url), join(folder, name, 'run.json'));
  return join(folder, name);
}

async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    env: {},
    folder,
  };
  return { code: await labForecast(args, io), out, err };
}

describe('rampart lab forecast', () => {
  test('prints the numbers and the cost of one too few or too many', async () => {
    const { code, out } = await command(runFolder('ramp'), '--rate', '415');
    assert.equal(code, 0);
    assert.match(out, /^415 requests\/s, p95 within 150 ms, by /);
    assert.match(out, /\ngenerators of 4 slots: 6 \(6 to 6\)\nhosts like the measured one: 7 \(6 to 7\)/);
    assert.match(out, /\n6 \(needed\) +95\.\d %/);
  });

  test('takes the file of a run, and shows the rate as it was asked', async () => {
    const file = join(runFolder('ramp'), 'run.json');
    for (const [rate, shown] of [
      ['0.001', '0.001'],
      ['0.5', '0.5'],
      ['1415', '1415'],
    ] as const)
      assert.match((await command(file, '--rate', rate)).out, new RegExp(`^${shown} requests/s, p95 within 150 ms`));
    await assert.rejects(command(join(folder, 'none', 'run.json'), '--rate', '1'), /There is no run in .*none:/);
  });

  test('exits with 1 if there are too few, and with 3 if the run is of no use', async () => {
    const { code, out } = await command(runFolder('ramp'), '--rate', '415', '--have', '5', '--json');
    assert.equal(code, 1);
    assert.deepEqual((JSON.parse(out) as { forecast: { generators: unknown } }).forecast.generators, {
      value: 6,
      low: 6,
      high: 6,
    });
    assert.equal((await command(runFolder('ramp'), '--rate', '10', '--target-ms', '20')).code, 1);
    const useless = await command(runFolder('shop-ramp'), '--rate', '415');
    assert.equal(useless.code, 3);
    assert.match(useless.err, /no Server-Timing/);
  });

  test('tells every wrong option at once', async () => {
    await assert.rejects(command('--seconds', '3', '--quantile', 'p50'), (error: unknown) => {
      const { problems } = error as { problems: readonly string[] };
      assert.equal(problems.length, 4, problems.join('\n'));
      return true;
    });
  });

  test('reads the metrics of a Rampart that runs', async () => {
    let looks = 0;
    const server = createServer((_, res) => {
      const count = 100 * looks++;
      res.end(
        `rampart_exec_seconds_sum{phase="upstream"} ${count * 0.04}\nrampart_exec_seconds_count{phase="upstream"} ${count}\n`,
      );
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const live = ['--live', '--admin-url', url, '--rate', '100', '--slots', '2', '--seconds', '2'];
      const { code, out } = await command(...live);
      assert.equal(code, 0);
      assert.match(out, /hosts: not known/);
      assert.match(out, /service time: 40\.0 \(40\.0 to 40\.0\) ms/);
    } finally {
      server.close();
    }
  });
});
