import type { NamedTable, Table } from './table.ts';
import { type Configuration, describe, isSame, type Tunable } from '../tuning/configuration.ts';
import { signedPercent } from '../tuning/findings.ts';
import type { Evaluation } from '../tuning/frontier.ts';
import type { Gain } from '../tuning/gain.ts';
import { meets, type Merits } from '../tuning/merits.ts';
import type { Measured, Tuning } from '../tuning/tuning.ts';
import type { Chart } from './chart-model.ts';
import { number, percent } from './tables.ts';

const columnNames: Readonly<Record<Tunable, string>> = {
  GENERATOR_INSTANCES: 'generators',
  GENERATOR_CONCURRENCY: 'concurrency',
  GATEWAY_WORKERS: 'workers',
  QUEUE_CAPACITY: 'queue',
  LEDGER_BATCH_SIZE: 'batch',
};
const shownTunables = Object.keys(columnNames) as Tunable[];
const meritColumns = ['requests/s', 'p99 ms', 'RSS MiB', 'failed'];

/** The results of `tune`, the answer first: the gain of each change, the frontier, then the measurements rung by rung. */
export function tuningTables(tuning: Tuning | undefined): NamedTable[] {
  if (tuning === undefined) return [];
  const rungs = tuning.rungs.map(({ holdMs, evaluations }, index) => ({
    title: `Rung ${index + 1}: ${evaluations.length} configurations, ${holdMs / 1000} s each`,
    ...configurationTable(tuning, evaluations),
  }));
  return [...summaryTables(tuning), ...rungs.toReversed()];
}

/** The tables that the terminal shows. */
export function summaryTables(tuning: Tuning): NamedTable[] {
  return [
    ...(tuning.ladder.length === 0 ? [] : [{ title: 'What each change bought', ...ladderTable(tuning) }]),
    { title: 'Pareto frontier of throughput, p99 and RSS', ...configurationTable(tuning, tuning.frontier) },
  ];
}

function ladderTable({ ladder, bought }: Tuning): Table {
  const rows = ladder.map(({ change, merits, gain }) => [
    change === undefined ? 'as it was' : `+ ${change.name}=${change.to}`,
    ...meritCells(merits),
    ...gainCells(gain),
    gain === undefined ? '' : gain.verdict === 'better' ? `better by ${gain.by}` : `${verdictText(gain)}: taken back`,
  ]);
  // With a single change, this line would repeat it.
  if (bought !== undefined && ladder.length > 2) {
    rows.push(['result', ...meritCells(bought.after), ...gainCells(bought.gain), 'against as it was']);
  }
  return { columns: ['', ...meritColumns, 'Δ requests/s', 'Δ p99', 'Δ RSS', ''], rows };
}

const verdictText = ({ verdict, by }: Gain): string => (verdict === 'worse' ? `worse by ${by}` : 'within the noise');

function configurationTable(tuning: Tuning, evaluations: readonly Evaluation[]): Table {
  return {
    columns: [...shownTunables.map((name) => columnNames[name]), ...meritColumns, ''],
    rows: evaluations.map((evaluation) => [
      ...shownTunables.map((name) => String(evaluation.configuration[name])),
      ...meritCells(evaluation.merits),
      remarks(tuning, evaluation),
    ]),
  };
}

function remarks(
  tuning: Tuning,
  { configuration, merits, doubts = [], failure }: Evaluation & Partial<Measured>,
): string {
  return [
    isSame(configuration, tuning.baseline) ? 'as it was' : '',
    isSame(configuration, tuning.chosen) ? 'chosen' : '',
    failure !== undefined ? 'did not start' : meets(merits, tuning.targets) ? '' : 'misses the targets',
    doubts.length > 0 ? 'disturbed' : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
}

const meritCells = ({ throughputPerSecond, p99Ms, rssBytes, failedShare }: Merits): string[] => [
  number(throughputPerSecond, 1),
  number(p99Ms, 1),
  number(rssBytes / 1024 ** 2),
  percent(failedShare),
];

const gainCells = (gain: Gain | undefined): string[] =>
  gain === undefined ? ['', '', ''] : [gain.throughput, gain.p99, gain.rss].map(signedPercent);

/** Throughput over p99: the last measurement of every configuration, with marks on the important ones. */
export function frontierChart(tuning: Tuning): Chart {
  const { rungs, frontier, baseline, chosen } = tuning;
  const longest = new Map<string, Evaluation>();
  for (const { evaluations } of rungs) {
    for (const each of evaluations) longest.set(JSON.stringify(each.configuration), each);
  }
  const measured = [...longest.values()].filter(({ merits }) => Number.isFinite(merits.p99Ms));
  const isAny = (configurations: readonly Configuration[]) => (each: Evaluation) =>
    configurations.some((configuration) => isSame(configuration, each.configuration));
  const groups: readonly (readonly [string, (each: Evaluation) => boolean])[] = [
    ['measured', () => true],
    ['frontier', isAny(frontier.map(({ configuration }) => configuration))],
    ['as it was', isAny([baseline])],
    ['chosen', isAny([chosen])],
  ];
  return {
    title: 'requests/s over p99 of every configuration that was measured',
    xLabel: 'p99, ms',
    panels: [
      {
        title: 'served',
        unit: 'requests/s',
        isZoomed: true,
        lines: groups.map(([name, belongs]) => ({
          name,
          isScattered: true,
          points: measured.filter(belongs).map(({ configuration, merits }) => ({
            x: merits.p99Ms,
            y: merits.throughputPerSecond,
            note: describe(configuration),
          })),
        })),
        levels: [],
      },
    ],
    marks: [],
  };
}
