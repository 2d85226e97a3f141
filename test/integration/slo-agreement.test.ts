import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutPromtool } from '../support/promtool.ts';
import { agreementOn, histories } from '../support/slo-histories.ts';

for (const history of histories) {
  test(`control and Prometheus agree: ${history.name}`, { skip: withoutPromtool }, async () => {
    const { disagreements } = await agreementOn(history);
    assert.deepEqual(disagreements, []);
  });
}
