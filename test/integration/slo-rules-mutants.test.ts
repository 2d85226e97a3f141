import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleFile } from '../../src/cli/slo-rules/rule-file.ts';
import { testFile, testsOfDays } from '../../src/cli/slo-rules/rule-tests.ts';
import { parseSlo } from '../../src/config/slo-file.ts';
import { boundsWith } from '../../src/metrics/latency-bounds.ts';
import { latencyThresholdsMs } from '../../src/policy/slo/thresholds.ts';
import type { Slo } from '../../src/policy/slo/slo.ts';
import { promtool, withoutPromtool } from '../support/promtool.ts';
import { survivors } from '../support/rule-mutants.ts';

const skip = withoutPromtool;

function sloOf(objectives: string): Slo {
  const parsed = parseSlo(
    `service: shop\nwindow: 28d\nendpoints: [{ id: work, objectives: [${objectives}] }]`,
    'slo.yaml',
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.slo;
}

for (const target of [0.999, 0.95]) {
  test(`every alert on the error budget of ${target} with one thing changed fails a test`, { skip }, async () => {
    assert.deepEqual(await survivors(sloOf(`{ sli: availability, target: ${target} }`), 'budgets'), []);
  });
}

test('the rules of two latencies pass their tests over days', { skip }, async () => {
  const slo = sloOf('{ sli: latency, le: 1s, target: 0.95 }, { sli: latency, le: 1s, target: 0.99 }');
  const files = {
    'slo-rules.yaml': ruleFile(slo, boundsWith(latencyThresholdsMs(slo))),
    'd.yaml': testFile('slo-rules.yaml', '10m', testsOfDays(slo)),
  };
  const { code, output } = await promtool(files, 'test', 'rules', 'd.yaml');
  assert.equal(code, 0, output);
});
