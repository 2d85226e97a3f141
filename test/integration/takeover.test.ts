import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endProcess, processesOf, startStack } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';

/**
 * Two clients send this much each. One generator makes over 200 barcodes a second alone, and the start that takes over needs the processors,
 * too; more would be refused on a busy machine because of its load, which says nothing about the takeover.
 */
const PER_SECOND = 25;

/** Between the last look at its queue and the close of a socket lie microseconds (ADR 12); four sockets close. */
const MOST_RESET = 2;

for (const [workers, generators] of [
  ['2', '1'],
  ['3', '2'],
] as const) {
  test(`a takeover by a start with ${workers} workers of 4, and ${generators} generators, refuses nothing, and loses next to nothing`, async () => {
    const stack = await startStack({ GATEWAY_WORKERS: '4', GENERATOR_INSTANCES: generators });
    try {
      const client = (keepAlive: boolean, more: object) =>
        startSteadyClient({ url: stack.url, key: stack.key, keepAlive, perSecond: PER_SECOND, ...more });
      const clients = [
        client(true, {}),
        client(false, {}),
        client(false, { perSecond: 200, method: 'GET', path: '/healthz' }),
      ];
      await new Promise((resolve) => setTimeout(resolve, 500));
      await endProcess(stack.supervisor, 'SIGKILL');
      stack.env['GATEWAY_WORKERS'] = workers;
      await stack.startAgain();
      assert.match(stack.output(), new RegExp(`taking over ${1 + 1 + 4 + Number(generators)} processes`));
      await new Promise((resolve) => setTimeout(resolve, 500));
      const results = await Promise.all(clients.map((each) => each.stop()));
      for (const { sent, outcomes, slowestMs } of results) {
        console.log(`    ${sent} sent: ${JSON.stringify(outcomes)}, slowest ${Math.round(slowestMs)} ms`);
      }
      const outcomes = results.flatMap((result) => Object.keys(result.outcomes));
      assert.deepEqual(
        outcomes.filter((outcome) => !/^20[01]$|^error:ECONNRESET$/.test(outcome)),
        [],
      );
      const lost = results.reduce((sum, result) => sum + (result.outcomes['error:ECONNRESET'] ?? 0), 0);
      assert.ok(lost <= MOST_RESET, `${lost} were reset`);
      assert.equal((await stack.status()).workers.length, Number(workers));
    } finally {
      assert.equal(await stack.stop(), 0);
      assert.deepEqual(processesOf(stack.dataDir), []);
    }
  });
}
