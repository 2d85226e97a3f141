import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { HostModel } from '../../support/host-model.ts';
import { wholeOr } from '../../support/long-run.ts';
import { bottlenecks, faults, healthy, judged } from '../../support/verdict-scenarios.ts';

const WITHIN_SECONDS = 5;
const SEEDS = wholeOr([1, 2, 3], [1]);
const HOUR = 3600;

for (const [kind, scenarios] of [
  ['bottlenecks', bottlenecks],
  ['faults', faults],
] as const) {
  test(`the verdict names at least 95 % of ${scenarios.length} planted ${kind} within 5 s of the first bad second`, () => {
    const all = SEEDS.flatMap((seed) => scenarios.map((scenario) => judged(scenario, seed)));
    const missed = all.filter(({ afterSeconds }) => afterSeconds === undefined || afterSeconds > WITHIN_SECONDS);
    const said = missed.map(
      ({ scenario, afterSeconds, said: text }) => `${scenario.name}: ${afterSeconds ?? 'never'}, ${text}`,
    );
    assert.ok(missed.length <= 0.05 * all.length, said.join('\n'));
    assert.deepEqual(
      all.filter(({ falseAlarms }) => falseAlarms > 0).map(({ scenario }) => scenario.name),
      [],
    );
  });
}

for (const [name, truth] of healthy) {
  test(`the verdict is well for an hour: ${name}`, () => {
    const model = new HostModel(seededRandom(7));
    const alarms: string[] = [];
    for (let second = 0; second < HOUR; second++) {
      const { verdict } = model.second(truth);
      if (verdict.state !== 'well') alarms.push(`${second} s: ${verdict.cause}`);
    }
    assert.deepEqual(alarms, []);
  });
}
