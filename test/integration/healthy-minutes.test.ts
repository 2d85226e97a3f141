import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Stack, startStack } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';

const MINUTES = 10;
/** Two generators of known capacity carry 145 requests a second (8 places, 55 ms each); this is 80 % of it. */
const PER_SECOND = 116;
/** A start is no healthy time: caches are cold, and processes are compiled. */
const START_MS = 15_000;

interface ShownVerdict {
  readonly state: string;
  readonly cause: string;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

let stack: Stack;
before(async () => {
  stack = await startStack({ GENERATOR_KIND: 'calibrated' });
});
after(() => stack.stop());

test('ten minutes at 80 % of what the host carries: not one second of them is anything but well', async () => {
  const client = startSteadyClient({ url: stack.url, key: stack.key, perSecond: PER_SECOND, keepAlive: true });
  const alarms: string[] = [];
  try {
    await pause(START_MS);
    for (let second = 0; second < MINUTES * 60; second++) {
      const { verdict } = (await stack.status()) as unknown as { verdict: ShownVerdict };
      if (verdict.state !== 'well') alarms.push(`second ${second}: ${verdict.state}, ${verdict.cause}`);
      await pause(1000);
    }
  } finally {
    const { sent, outcomes } = await client.stop();
    assert.deepEqual(outcomes, { 201: sent });
  }
  assert.deepEqual(alarms, []);
});
