// npm run docs:scaling: the tables and pictures of docs/scaling.md, from the loads in test/data/loads.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chart } from '../src/lab/report/chart-model.ts';
import { table } from '../src/lab/report/markdown.ts';
import { standaloneChart } from '../src/lab/report/standalone-chart.ts';
import { parseLoad, runScaler, type ScaledResult, type ScalerName, scalers } from '../src/lab/scaling/scaled-pods.ts';
import { root } from './root.ts';
import { writeTable } from './write-table.ts';

const loads = ['steps', 'spike', 'day'] as const;
const MOST_POINTS = 300;

const rows = loads.flatMap((name) => {
  const load = parseLoad(name, readFileSync(join(root, 'test/data/loads', `${name}.csv`), 'utf8'));
  const results = scalers.map((scaler) => [scaler, runScaler(scaler, load)] as const);
  writeFileSync(join(root, 'docs/images', `scaling-${name}.svg`), `${standaloneChart(chartOf(name, results))}\n`);
  return results.map(([scaler, result]) => [
    name,
    scaler,
    `${(100 * result.refusedShare).toFixed(2)} %`,
    `${(100 * result.idleShare).toFixed(0)} %`,
    `${result.mostPods}`,
    result.podHours.toFixed(1),
    `${result.changes}`,
  ]);
});
const columns = ['load', 'autoscaler', 'refused', 'permits idle', 'most pods', 'pod hours', 'changes'];
writeTable('scaling.md', 'scalers', table({ columns, rows }));

function chartOf(name: string, results: readonly (readonly [ScalerName, ScaledResult])[]): Chart {
  const [, first] = results[0] ?? [];
  const seconds = first?.seconds ?? [];
  const every = Math.ceil(seconds.length / MOST_POINTS);
  const isLong = seconds.length > 2 * 3600;
  const points = (result: ScaledResult | undefined, value: (of: ScaledResult['seconds'][number]) => number) =>
    (result?.seconds ?? [])
      .filter((_, index) => index % every === 0)
      .map((each) => ({ x: each.second / (isLong ? 3600 : 60), y: value(each) }));
  return {
    title: `Pods over time: ${name}`,
    xLabel: isLong ? 'hours' : 'minutes',
    panels: [
      {
        title: 'pods that serve',
        unit: '',
        weight: 1.6,
        lines: results.map(([scaler, result]) => ({ name: scaler, points: points(result, ({ ready }) => ready) })),
        levels: [],
      },
      {
        title: 'load',
        unit: 'requests/s',
        lines: [{ name: 'load', points: points(first, ({ rate }) => rate), look: 5 }],
        levels: [],
      },
    ],
    marks: [],
  };
}
