import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ChildServer, startChildServer } from '../support/child-server.ts';
import { readRun } from '../support/runs.ts';
import { runRampart } from '../support/stack.ts';

// The example of docs/lab.md: what stands there is what is tested here.
const doc = readFileSync(new URL('../../docs/lab.md', import.meta.url), 'utf8');
const fence = (name: string): string => {
  const [, text = ''] = new RegExp(`\`${name}\`:\n\n\`\`\`\\w+\n([^]*?)\n\`\`\``).exec(doc) ?? [];
  assert.notEqual(text, '', `docs/lab.md has ${name}`);
  return text;
};

describe("the lab at a service of one's own, as docs/lab.md has it", () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-lab-shop-'));
  const slo = join(folder, 'shop.yaml');
  writeFileSync(slo, fence('shop.yaml'));
  const listener = /createServer\(\((?:req, res)\) => \{([^]*)\}\)\.listen/.exec(fence('shop.mjs'))?.[1] ?? '';
  const env = { RAMPART_DATA_DIR: folder, SHOP_PASSWORD: 'secret-of-the-shop' };
  const servers: ChildServer[] = [];
  before(async () => {
    for (let each = 0; each < 2; each++) servers.push(await startChildServer(listener));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  const [at, lenient] = [() => servers[0]?.url as string, ['--failed', '100', '--json']];
  const spike = ['--baseline', '1', '--rise', '1', '--hold', '1', '--recovery', '1', '--users', '4', '--normal', '2'];
  const experiments: Readonly<Record<string, () => string[]>> = {
    ramp: () => ['--url', at(), '--from', '30', '--to', '30', '--gate', '30', '--hold', '1'],
    matrix: () => ['--url', at(), '--concurrency', '2', '--hold', '1', '--cycle-delay', '5'],
    soak: () => ['--url', at(), '--duration', '0.12', '--window', '0.5', '--warm-up', '0', '--users', '3'],
    spike: () => ['--url', at(), ...spike, '--cycle-delay', '10'],
    compare: () => ['--a-url', at(), '--b-url', servers[1]?.url as string, '--runs', '4', '--hold', '0.5'],
  };
  for (const [name, args] of Object.entries(experiments)) {
    test(`lab ${name} logs in, sends every endpoint, and finds every reply as it should be`, async () => {
      const more = name === 'compare' ? ['--json'] : lenient;
      const { code, stdout, stderr } = await runRampart(['lab', name, ...args(), '--slo', slo, ...more], env);
      assert.ok(code !== null && code !== 2, stderr);
      const run = readRun(stdout);
      const steps = run.series.flatMap((each) => each.steps);
      const outcomes: Record<string, number> = {};
      for (const { figures } of steps) {
        for (const [outcome, count] of Object.entries(figures.outcomes)) {
          outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
        }
      }
      const { '2xx': good = 0, 'as-expected': expected = 0, ...others } = outcomes;
      assert.ok(good > 10 && expected > 0, JSON.stringify(outcomes));
      assert.deepEqual(others, {});
      const seen = new Set(steps.flatMap(({ endpoints }) => endpoints.map(({ endpoint }) => endpoint)));
      assert.deepEqual([...seen].sort(), ['changeItem', 'items', 'missing', 'probe']);
      assert.doesNotMatch(`${stdout}${stderr}`, /secret-of-the-shop|token-/);
    });
  }

  test('a reply that is not as it should be is an error, by either loop', async () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, fence('shop.yaml').replace('contains: name', 'contains: no such text'));
    for (const name of ['ramp', 'matrix']) {
      const args = [...(experiments[name] as () => string[])(), '--slo', wrong, '--json'];
      const run = readRun((await runRampart(['lab', name, ...args], env)).stdout);
      const items = run.series[0]?.steps[0]?.endpoints.find(({ endpoint }) => endpoint === 'items');
      assert.deepEqual(Object.keys(items?.outcomes ?? {}), ['wrong-reply']);
      assert.equal(items?.errorShare, 1);
      assert.notEqual(run.verdict, 'passed');
    }
  });

  test('a login that fails ends the run with the reason, and a password that is missing before it', async () => {
    const args = ['lab', 'ramp', ...(experiments['ramp'] as () => string[])(), '--slo', slo];
    const refused = await runRampart(args, { ...env, SHOP_PASSWORD: 'another' });
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /Cannot log in with POST http:\/\/127\.0\.0\.1:\d+\/login: it was answered with 401/);
    assert.doesNotMatch(refused.stderr, /another/);
    const { SHOP_PASSWORD: _, ...without } = env;
    const missing = await runRampart(args, without);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /login: \{\{SHOP_PASSWORD\}\} must be set in the environment/);
  });

  test('no report holds password or token', () => {
    for (const run of readdirSync(join(folder, 'runs'))) {
      for (const file of readdirSync(join(folder, 'runs', run))) {
        assert.doesNotMatch(readFileSync(join(folder, 'runs', run, file), 'utf8'), /secret-of-the-shop|token-\d/, file);
      }
    }
  });
});
