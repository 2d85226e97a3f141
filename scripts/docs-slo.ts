// npm run docs:slo: the table of docs/slo.md about histories on which control and the rules for Prometheus must agree.
import { table } from '../src/lab/report/markdown.ts';
import { type Agreement, agreementOn, histories } from '../test/support/slo-histories.ts';
import { writeTable } from './write-table.ts';

const inWords = (changes: Agreement['control']): string =>
  changes.length === 0 ? 'none' : changes.map(([state, minute]) => `${state} from ${minute}`).join(', ');
const share = (left: number): string => `${(left * 100).toFixed(1)} %`;

const all: Agreement[] = [];
for (const history of histories) all.push(await agreementOn(history));
const rows = all.map(({ history, control, prometheus, budgets: [own, theirs], disagreements }) => [
  history.name,
  inWords(control),
  inWords(prometheus),
  share(own),
  share(theirs),
  disagreements.length === 0 ? 'yes' : `no: ${disagreements[0]}`,
]);
const agreed = all.filter(({ disagreements }) => disagreements.length === 0).length;
const summary = `They agree on ${agreed} of ${all.length}.`;
const columns = [
  'history',
  'control, by the minute',
  'Prometheus, each 5 min',
  'budget left: control',
  'Prometheus',
  'agree',
];
writeTable('slo.md', 'agreement', `${summary}\n\n${table({ columns, rows })}`);
process.stdout.write(`${summary}\n`);
