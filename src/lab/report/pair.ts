import type { Step } from '../experiments/step.ts';
import { amountText, figureText } from './chart-text.ts';
import { change, deltaOf, isSameLoad } from './delta.ts';
import { verdictLooks } from './headline.ts';
import { mostCarried } from './judgement.ts';
import type { Headline, KeyFigure } from './key-figures.ts';
import { table } from './markdown.ts';
import { escapeMarkdown, escapeText, oneLine } from './harmless.ts';
import type { RunRecord, Series } from './run-record.ts';

/** One run of each says this much, and no more. */
export const chanceNote =
  'One run of each cannot tell a change from chance: rampart lab compare repeats both, in turns.';

interface Pair {
  readonly name: string;
  readonly a: Series;
  readonly b: Series;
}

/** Two runs in one sentence: by what each carries, else by the highest load that both were given. */
export function pairHeadline(a: RunRecord, b: RunRecord): Headline {
  const [pair] = pairsOf(a, b);
  if (pair === undefined) {
    return { sentence: 'The two runs have no load in common.', figures: [], next: chanceNote };
  }
  const [ofA, ofB] = [mostCarried(a, pair.a), mostCarried(b, pair.b)];
  const at = highestCommon(pair);
  const figures = at === undefined ? [] : figuresAt(at[0], at[1], pair.a.loadUnit);
  if (ofA !== undefined && ofB !== undefined && !isSameLoad(ofA, ofB)) {
    const [from, to] = [ofA.load.amount, ofB.load.amount];
    const unit = pair.a.loadUnit;
    return {
      sentence: `B carries ${amountText(to)} ${unit} within its targets, A ${amountText(from)} (${change(from, to)}).`,
      figures: [
        { label: 'carried by B', value: `${amountText(to)} ${unit}`, promise: `A: ${amountText(from)}` },
        ...figures,
      ],
      next: chanceNote,
    };
  }
  if (at === undefined) return { sentence: 'The two runs have no load in common.', figures: [], next: chanceNote };
  const [left, right] = at.map(({ figures: { throughputPerSecond, latency } }) => ({
    served: throughputPerSecond,
    p95: latency.p95Ms,
  })) as [Seen, Seen];
  return {
    sentence: `At ${amountText(at[0].load.amount)} ${pair.a.loadUnit}, B serves ${figureText(right.served)} requests/s where A serves ${figureText(left.served)} (${change(left.served, right.served)}), with p95 ${figureText(right.p95)} ms against ${figureText(left.p95)} ms (${change(left.p95, right.p95)}).`,
    figures,
    next: chanceNote,
  };
}

/** The same in one line. */
export const pairLine = (a: RunRecord, b: RunRecord): string =>
  oneLine(`A ${a.id} (${a.verdict}), B ${b.id} (${b.verdict}): ${pairHeadline(a, b).sentence} ${chanceNote}`);

/** A block for a pull request. */
export function pairBlock(a: RunRecord, b: RunRecord): string {
  const { sentence, figures } = pairHeadline(a, b);
  const { differences, tables } = deltaOf(a, b);
  const shared = tables.filter(({ table: { rows } }) => rows.length > 0);
  return `${[
    `### ${escapeMarkdown(a.experiment)}: B against A`,
    `**${escapeMarkdown(sentence)}** ${chanceNote}`,
    figures
      .map(({ label, value, promise = '' }) => `- ${escapeMarkdown(`${label}: ${value} (${promise})`)}`)
      .join('\n'),
    table({ columns: ['', 'run', 'commit', 'verdict'], rows: [runRow('A', a), runRow('B', b)] }),
    ...(differences.length === 0 ? [] : [differences.map((line) => `- ${escapeMarkdown(line)}`).join('\n')]),
    ...shared.map(
      ({ name, table: each }) =>
        `<details><summary>${escapeText(name)}, A → B</summary>\n\n${table(each)}\n\n</details>`,
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

const runRow = (name: string, { id, commit, verdict }: RunRecord): string[] => [
  name,
  id,
  commit,
  `${verdictLooks[verdict].shape} ${verdict}`,
];

interface Seen {
  readonly served: number;
  readonly p95: number;
}

/** The series of both runs with the same name and unit; of two runs with one series each, these. */
function pairsOf(a: RunRecord, b: RunRecord): Pair[] {
  const named = a.series.flatMap((left) => {
    const right = b.series.find(({ name, loadUnit }) => name === left.name && loadUnit === left.loadUnit);
    return right === undefined ? [] : [{ name: left.name, a: left, b: right }];
  });
  const [left, right] = [a.series[0], b.series[0]];
  if (named.length > 0 || left === undefined || right === undefined) return named;
  const isOne = a.series.length === 1 && b.series.length === 1 && left.loadUnit === right.loadUnit;
  return isOne ? [{ name: left.name, a: left, b: right }] : [];
}

function highestCommon({ a, b }: Pair): readonly [Step, Step] | undefined {
  const sorted = a.steps.toSorted((left, right) => right.load.amount - left.load.amount);
  for (const step of sorted) {
    const other = b.steps.find((each) => isSameLoad(each, step));
    if (other !== undefined) return [step, other];
  }
  return undefined;
}

function figuresAt(a: Step, b: Step, unit: string): KeyFigure[] {
  const at = `at ${amountText(a.load.amount)} ${unit}`;
  const figure = (label: string, of: (step: Step) => number, suffix: string): KeyFigure => ({
    label: `${label} ${at}`,
    value: `${figureText(of(b))} ${suffix}`,
    promise: `A: ${figureText(of(a))} ${suffix}, ${change(of(a), of(b))}`,
  });
  return [
    figure('p95 of B', ({ figures }) => figures.latency.p95Ms, 'ms'),
    figure('served by B', ({ figures }) => figures.throughputPerSecond, 'requests/s'),
  ];
}
