import type { Table } from './table.ts';
import type { Step } from '../experiments/step.ts';
import type { RunRecord, Series } from './run-record.ts';
import { number, percent } from './tables.ts';

/** The differences of two runs: of their settings, and of their results. */
export interface RunDelta {
  /** Settings, machine, commit: one line each that differs. */
  readonly differences: readonly string[];
  /** For each series that both runs have, the loads that both have. */
  readonly tables: readonly { readonly name: string; readonly table: Table }[];
  /** Entries that only one of them has. */
  readonly unmatched: readonly string[];
}

/** Run B against run A. Two single runs cannot tell a change from chance; `compare` repeats them and can. */
export function deltaOf(a: RunRecord, b: RunRecord): RunDelta {
  const namesOf = ({ series }: RunRecord): string[] => series.map(({ name }) => name);
  const pairs = a.series.flatMap((left) => {
    const right = b.series.find(({ name, loadUnit }) => name === left.name && loadUnit === left.loadUnit);
    return right === undefined ? [] : [{ left, right }];
  });
  const both = new Set(pairs.map(({ left }) => left.name));
  return {
    differences: [
      ...differencesOf(headOf(a), headOf(b)),
      ...pairs.flatMap(({ left, right }) => settingsOf(left, right)),
    ],
    tables: pairs.map(({ left, right }) => ({ name: left.name, table: deltaTable(left, right) })),
    unmatched: [
      ...namesOf(a)
        .filter((name) => !both.has(name))
        .map((name) => `${name}: only in ${a.id}`),
      ...namesOf(b)
        .filter((name) => !both.has(name))
        .map((name) => `${name}: only in ${b.id}`),
    ],
  };
}

const headOf = ({ target, commit, version, machine, scenario, configuration }: RunRecord): Record<string, string> => ({
  ...(target === undefined ? {} : { target }),
  commit,
  version,
  processors: machine.processors,
  system: machine.system,
  node: machine.node,
  scenario,
  ...configuration,
});

const settingsOf = (left: Series, right: Series): string[] =>
  differencesOf(left.settings, right.settings).map((line) => `${left.name}: ${line}`);

function differencesOf(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names]
    .filter((name) => a[name] !== b[name])
    .map((name) => `${name}: ${a[name] ?? 'not set'} → ${b[name] ?? 'not set'}`);
}

function deltaTable(left: Series, right: Series): Table {
  const stepsOf = ({ steps, confirmations }: Series): readonly { readonly mark: string; readonly step: Step }[] => [
    ...steps.map((step) => ({ mark: '', step })),
    ...confirmations.map((step) => ({ mark: '*', step })),
  ];
  const rows = stepsOf(left).flatMap(({ mark, step }) => {
    // Poisson arrivals are drawn anew for each run, so a rate is the same to a request or two.
    const other = stepsOf(right).find((each) => each.mark === mark && isSameLoad(each.step, step));
    return other === undefined ? [] : [deltaRow(mark, step, other.step)];
  });
  return {
    columns: [left.loadUnit, 'served /s', '', 'p50 ms', '', 'p95 ms', '', 'p99 ms', '', 'errors', 'refused'],
    rows,
  };
}

const SAME_LOAD = 0.01;
/** Whether two loads differ by chance alone. */
export const isSameLoad = (left: Step, right: Step): boolean =>
  Math.abs(left.load.amount - right.load.amount) <= SAME_LOAD * left.load.amount;

function deltaRow(mark: string, a: Step, b: Step): string[] {
  const pair = (value: (step: Step) => number): string[] => [
    `${number(value(a), 1)} → ${number(value(b), 1)}`,
    change(value(a), value(b)),
  ];
  return [
    `${number(a.load.amount)}${mark}`,
    ...pair(({ figures }) => figures.throughputPerSecond),
    ...pair(({ figures }) => figures.latency.p50Ms),
    ...pair(({ figures }) => figures.latency.p95Ms),
    ...pair(({ figures }) => figures.latency.p99Ms),
    `${percent(a.figures.errorShare)} → ${percent(b.figures.errorShare)}`,
    `${percent(a.figures.refusedShare)} → ${percent(b.figures.refusedShare)}`,
  ];
}

/** The change as a share, with its sign. */
export function change(from: number, to: number): string {
  const share = (to - from) / from;
  return Number.isFinite(share) ? `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}` : '–';
}
