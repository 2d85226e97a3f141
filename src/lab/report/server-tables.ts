import type { Table } from './table.ts';
import type { Step } from '../experiments/step.ts';
import type { ServerFigures } from '../measure/server-figures.ts';
import type { ProcessUse } from '../system/process-watch.ts';
import type { Series } from './run-record.ts';
import { number, percent } from './tables.ts';

const MEBIBYTE = 1024 * 1024;

/** The server's own metrics for each step; undefined where they could not be read. */
export function serverTable(series: Series): Table | undefined {
  const rows = loadsOf(series).flatMap(({ load, step: { server } }) =>
    server === undefined ? [] : [{ load, server }],
  );
  if (rows.length === 0) return undefined;
  const phases = [...new Set(rows.flatMap(({ server }) => server.phases.map(phaseName)))].sort();
  const roles = [...new Set(rows.flatMap(({ server }) => Object.keys(server.eventLoopDelayP99Ms)))].sort();
  return {
    columns: [
      series.loadUnit,
      ...phases.map((phase) => `${phase} ms`),
      'most queued',
      'refused for',
      'cache',
      'attempts',
      'pool busy',
      ...roles.map((role) => `${role} loop p99 ms`),
    ],
    rows: rows.map(({ load, server }) => [
      load,
      ...phases.map((phase) => phaseMean(server, phase)),
      number(server.mostQueued),
      counts(server.refusals),
      counts(server.cache),
      counts(server.attempts),
      number(server.mostPoolBusy),
      ...roles.map((role) => number(server.eventLoopDelayP99Ms[role] ?? Number.NaN, 1)),
    ]),
  };
}

const phaseName = ({ kind, phase }: ServerFigures['phases'][number]): string => `${kind} ${phase}`;

/** Over the endpoints. */
function phaseMean({ phases }: ServerFigures, name: string): string {
  const of = phases.filter((phase) => phaseName(phase) === name);
  const count = of.reduce((sum, phase) => sum + phase.count, 0);
  return number(of.reduce((sum, phase) => sum + phase.meanMs * phase.count, 0) / count, 2);
}

const counts = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || '–';

/** The use of each process at the highest load; undefined where none could be watched. */
export function processTable(series: Series): Table | undefined {
  const last = loadsOf(series).at(-1);
  if (last === undefined || last.step.use.processes.length === 0) return undefined;
  const row = (use: ProcessUse): string[] => [
    `${use.role} ${use.instance}`,
    percent(use.cpuShare, 0),
    percent(use.runQueueShare, 1),
    number(use.contextSwitchesPerSecond),
    number(use.maxRssBytes / MEBIBYTE),
    number(use.maxDescriptors),
  ];
  return {
    columns: [
      `process at ${last.load} ${series.loadUnit}`,
      'processor',
      'ready, without one',
      'switches /s',
      'RSS MiB',
      'descriptors',
    ],
    rows: last.step.use.processes.toSorted((left, right) => right.cpuShare - left.cpuShare).map(row),
  };
}

/** Steps and confirmations, the latter with the mark of the table of steps. */
function loadsOf({ steps, confirmations }: Series): { readonly load: string; readonly step: Step }[] {
  return [
    ...steps.map((step) => ({ load: number(step.load.amount), step })),
    ...confirmations.map((step) => ({ load: `${number(step.load.amount)}*`, step })),
  ];
}
