import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dashboard } from '../../src/cli/slo-rules/dashboard.ts';
import { ruleFile, yamlText } from '../../src/cli/slo-rules/rule-file.ts';
import { testFile, testsOfDays, testsOfMinutes } from '../../src/cli/slo-rules/rule-tests.ts';
import { parseSlo } from '../../src/config/slo-file.ts';
import { boundsWith } from '../../src/metrics/latency-bounds.ts';
import { latencyThresholdsMs } from '../../src/policy/slo/thresholds.ts';
import type { Slo } from '../../src/policy/slo/slo.ts';
import { promtool, withoutPromtool } from '../support/promtool.ts';
import { survivors } from '../support/rule-mutants.ts';

const skip = withoutPromtool;

function sloOf(text: string): Slo {
  const parsed = parseSlo(text, 'slo.yaml');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.slo;
}

const own = sloOf(readFileSync('slo.yaml', 'utf8'));
const shop = sloOf(`
service: 'shop "a" {{ x }} \\ ä'
endpoints:
  - id: work
    gate: { p95: 100ms }
    objectives:
      - { sli: availability, target: 0.999 }
      - { sli: hit_rate, target: 0.7 }
`);
const latency = sloOf(`
service: shop
window: 7d
endpoints:
  - id: work
    objectives: [{ sli: latency, le: 1s, target: 0.95 }, { sli: latency, le: 1s, target: 0.99 }]
    alerts: { for: 3m, min_rate: 0 }
`);

test('promtool takes the rules of every SLO file, odd names included', { skip }, async () => {
  for (const slo of [own, shop, latency]) {
    const { code, output } = await promtool(
      { 'r.yaml': ruleFile(slo, boundsWith(latencyThresholdsMs(slo))) },
      'check',
      'rules',
      'r.yaml',
    );
    assert.equal(code, 0, output);
  }
});

test('promtool takes every expression of the dashboard', { skip }, async () => {
  const board = JSON.stringify(dashboard(shop));
  const exprs = [...board.matchAll(/"expr":("(?:[^"\\]|\\.)*")/g)].map(([, text = '']) => JSON.parse(text) as string);
  assert.ok(exprs.length >= 15);
  const rules = exprs.map((expr, index) => ({ record: `e${index}`, expr: expr.replaceAll('$__rate_interval', '1m') }));
  const text = yamlText('', { groups: [{ name: 'g', rules }] });
  const { code, output } = await promtool({ 'r.yaml': text }, 'check', 'rules', 'r.yaml');
  assert.equal(code, 0, output);
});

test(
  'the rules pass their tests, and each alert on degradation with one thing changed fails one',
  { skip },
  async () => {
    assert.deepEqual(await survivors(shop, 'degradation'), []);
  },
);

test('the alert on a history that is too short with one thing changed fails a test', { skip }, async () => {
  assert.deepEqual(await survivors(shop, 'history'), []);
});

/** The histories that are over within two hours; npm run test:long has the others, and every alert with one thing changed. */
test('the rules of two latencies over 7 days, without a least rate, pass their short tests', { skip }, async () => {
  const bounds = boundsWith(latencyThresholdsMs(latency));
  const short = testsOfDays(latency).filter(({ alert_rule_test: checks }) =>
    checks.every(({ eval_time: time }) => Number.parseInt(time, 10) <= 120),
  );
  assert.ok(short.length >= 6, `${short.length} tests`);
  const files = {
    'slo-rules.yaml': ruleFile(latency, bounds),
    't.yaml': testFile('slo-rules.yaml', '1m', testsOfMinutes(latency, bounds)),
    'd.yaml': testFile('slo-rules.yaml', '10m', short),
  };
  const { code, output } = await promtool(files, 'test', 'rules', 't.yaml', 'd.yaml');
  assert.equal(code, 0, output);
});
