import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Classified, classified, computing, type Planted, sleeping } from '../support/planted.ts';

const said = ({ planted, name, evidence }: Classified): string =>
  `${planted.kind} of ${planted.holdMs} ms: ${name} (${evidence})`;

describe('servers with a planted bottleneck', () => {
  test('at least 28 of 30 are classified right', async () => {
    const wrong: string[] = [];
    const judge = async (planted: Planted): Promise<void> => {
      let found = await classified(planted);
      // Once more, as two processors that others use too can look like anything.
      if (!found.right) {
        console.log(`classified once more: ${said(found)}`);
        found = await classified(planted);
      }
      if (!found.right) wrong.push(said(found));
    };
    // Those that sleep do not disturb each other.
    for (let index = 0; index < sleeping.length; index += 3)
      await Promise.all(sleeping.slice(index, index + 3).map(judge));
    for (const planted of computing) await judge(planted);
    assert.equal(sleeping.length + computing.length, 30);
    assert.ok(wrong.length <= 2, wrong.join('\n'));
    console.log(`${30 - wrong.length} of 30 classified right`);
  });
});
