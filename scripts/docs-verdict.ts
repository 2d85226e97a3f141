// npm run docs:verdict: the table of docs/oracles.md about the verdict: what it says of hosts whose truth is known.
import { table } from '../src/lab/report/markdown.ts';
import { bottlenecks, faults, judged } from '../test/support/verdict-scenarios.ts';
import { writeTable } from './write-table.ts';

const WITHIN_SECONDS = 5;
const SEED = 1;

const all = [...bottlenecks, ...faults].map((scenario) => judged(scenario, SEED));
const right = all.filter(({ afterSeconds }) => afterSeconds !== undefined && afterSeconds <= WITHIN_SECONDS).length;
const rows = all.map(({ scenario, afterSeconds, said }) => [
  scenario.name,
  scenario.causes.join(', '),
  afterSeconds === undefined ? 'never' : `${afterSeconds} s`,
  said,
]);
const summary = `Right within ${WITHIN_SECONDS} s: ${right} of ${all.length}. False alarms before anything was planted: ${all.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0)}.`;
writeTable(
  'oracles.md',
  'verdict',
  `\n${summary}\n\n${table({ columns: ['planted', 'right cause', 'after', 'what the verdict said'], rows })}`,
);
process.stdout.write(`${summary}\n`);
