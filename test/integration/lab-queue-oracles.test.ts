import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../src/core/random.ts';
import { mean, quantile } from '../../src/lab/statistics/quantile.ts';
import { closedForm, measure, type Queue, queues, responseTimes, SERVICE_MS, serviceTimes } from '../support/queues.ts';

const tolerance = ({ load }: Queue): number => (load < 0.9 ? 0.05 : 0.1);

const quantiles = [0.5, 0.95, 0.99] as const;

function close(what: string, actual: number, expected: number, share: number): void {
  assert.ok(
    Math.abs(actual - expected) <= share * expected,
    `${what}: ${actual} is not ${expected} ± ${share * 100} %`,
  );
}

describe('the recursion that the lab is compared with agrees with the closed forms', () => {
  for (const queue of queues) {
    test(queue.name, () => {
      const random = seededRandom(5);
      const rate = queue.servers * queue.load;
      let now = 0;
      const arrivals = Array.from({ length: 1_000_000 }, () => (now -= Math.log(1 - random()) / rate));
      const times = Float64Array.from(responseTimes(arrivals, queue, serviceTimes(queue, 1, 6)));
      const { mean: expected, quantile: expectedQuantile } = closedForm(queue);
      close('mean', mean(times), expected, tolerance(queue));
      for (const q of quantiles) {
        if (expectedQuantile !== undefined)
          close(`p${q * 100}`, quantile(times, q), expectedQuantile(q), tolerance(queue));
      }
    });
  }
});

const ATTEMPTS = 2;
/** 4 % of the service time. */
const MAX_LAG_MS = 4;

/**
 * A real calibrated server under a real load, compared with the response times that follow from the very arrivals and
 * service times: what is left is the lab's own error, without the chance of a short run.
 */
describe('the lab measures what a queue does', { concurrency: true }, () => {
  for (const [index, queue] of queues.entries()) {
    test(queue.name, async (t) => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const { arrivals, requests, lagMs } = await measure(queue, index);
        if (lagMs > MAX_LAG_MS) {
          // The lab would call this run invalid: it measured a busy machine.
          t.diagnostic(`attempt ${attempt} says nothing: the sender was ${lagMs.toFixed(1)} ms late`);
          continue;
        }
        const measured = Float64Array.from({ length: requests.count }, (_, row) => requests.latencyMs(row));
        const expected = responseTimes(arrivals, queue, serviceTimes(queue, SERVICE_MS, index));
        close('mean', mean(measured), mean(expected), tolerance(queue));
        for (const q of quantiles) close(`p${q * 100}`, quantile(measured, q), quantile(expected, q), tolerance(queue));
        return;
      }
    });
  }
});
