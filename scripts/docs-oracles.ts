// npm run docs:oracles: the tables of docs/oracles.md: what the lab measures of servers whose truth is known.
import { writeTable } from './write-table.ts';
import { table } from '../src/lab/report/markdown.ts';
import { mean, quantile } from '../src/lab/statistics/quantile.ts';
import { classified, computing, sleeping } from '../test/support/planted.ts';
import { measure, queues, responseTimes, SERVICE_MS, serviceTimes } from '../test/support/queues.ts';

const quantiles = [0.5, 0.95, 0.99] as const;
const pair = (measured: number, expected: number): string =>
  `${measured.toFixed(1)} (${expected.toFixed(1)}, ${(((measured - expected) / expected) * 100).toFixed(1)} %)`;

const rows = await Promise.all(
  queues.map(async (queue, index) => {
    const { arrivals, requests, lagMs } = await measure(queue, index);
    const measured = Float64Array.from({ length: requests.count }, (_, row) => requests.latencyMs(row));
    const expected = responseTimes(arrivals, queue, serviceTimes(queue, SERVICE_MS, index));
    return [
      queue.name,
      String(requests.count),
      pair(mean(measured), mean(expected)),
      ...quantiles.map((q) => pair(quantile(measured, q), quantile(expected, q))),
      lagMs.toFixed(1),
    ];
  }),
);
writeTable(
  'oracles.md',
  'queues',
  table({ columns: ['queue', 'requests', 'mean', 'p50', 'p95', 'p99', 'sender late, p99'], rows }),
);

const found = [];
for (let index = 0; index < sleeping.length; index += 3) {
  found.push(...(await Promise.all(sleeping.slice(index, index + 3).map(classified))));
}
for (const planted of computing) found.push(await classified(planted));
const right = found.filter((each) => each.right).length;
writeTable(
  'oracles.md',
  'planted',
  [
    `At the first try ${right} of ${found.length} are classified right.`,
    '',
    table({
      columns: ['planted', 'one request takes', 'expected', 'found', 'evidence'],
      rows: found.map(({ planted, name, evidence }) => [
        planted.kind,
        `${planted.holdMs} ms`,
        planted.expected,
        name,
        evidence,
      ]),
    }),
  ].join('\n'),
);
console.log(`${right} of ${found.length} classified right`);
