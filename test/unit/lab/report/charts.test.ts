import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartSizes, chartSvg } from '../../../../src/lab/report/chart.ts';
import { type Chart, columnsOf, mergedPath } from '../../../../src/lab/report/chart-model.ts';
import { chartTable, columnText, figureText } from '../../../../src/lab/report/chart-text.ts';
import { endpointCharts, loadCharts } from '../../../../src/lab/report/load-charts.ts';
import { mainCharts, phaseChart } from '../../../../src/lab/report/main-charts.ts';
import type { RunRecord, Series } from '../../../../src/lab/report/run-record.ts';
import {
  emptyRun,
  hostileRun,
  onePointRun,
  storedNames,
  storedRunOf,
  wideRun,
  withEndpoints,
} from '../../../support/lab-runs.ts';

const firstChart = (run: RunRecord): Chart => mainCharts(run)[0] as Chart;
const firstSeries = (run: RunRecord): Series => run.series[0] as Series;
const line = (name: string, ...points: readonly (readonly [number, number])[]) => ({
  name,
  points: points.map(([x, y]) => ({ x, y })),
});
const chartOf = (...lines: ReturnType<typeof line>[]): Chart => ({
  title: 't',
  xLabel: 'x',
  panels: [{ title: 'y', unit: 'ms', lines, levels: [] }],
  marks: [],
});

test('chartSvg joins the points of a search in order of load, and leaves out what was not measured', () => {
  const svg = chartSvg(chartOf(line('a', [75, 3], [50, 1], [62, Number.NaN], [56, 2])), chartSizes.wide);
  const path = /class="line" d="M([^"]*)"/.exec(svg)?.[1] ?? '';
  const xs = path.split('L').map((spot) => Number(spot.split(' ')[0]));
  assert.equal(xs.length, 3);
  assert.deepEqual(
    xs,
    xs.toSorted((left, right) => left - right),
  );
  assert.equal(svg.match(/<circle/g)?.length, 3);
  assert.doesNotMatch(svg, /NaN|undefined/);
});

test('mergedPath makes one vertex of a load that was tried again', () => {
  assert.deepEqual(
    mergedPath([
      { x: 50, y: 10 },
      { x: 59.6, y: 20 },
      { x: 59.9, y: 40 },
      { x: 75, y: 60 },
    ]),
    [
      { x: 50, y: 10 },
      { x: 59.75, y: 30 },
      { x: 75, y: 60 },
    ],
  );
});

test('loadCharts shows which loads kept their targets, and why one did not, also of an older run', () => {
  const [chart] = loadCharts(storedRunOf('ramp'));
  const points = chart?.panels[0]?.lines[0]?.points ?? [];
  assert.deepEqual(
    points.map(({ state }) => state),
    ['kept', 'kept', 'kept', 'kept', 'kept', 'missed', 'missed', 'missed', 'missed'],
  );
  assert.match(points[6]?.note ?? '', /6\.0 % refusals/);
  const shop = loadCharts(storedRunOf('shop-ramp'))[0]?.panels[0]?.lines[0]?.points ?? [];
  assert.deepEqual(
    shop.map(({ state }) => state),
    ['kept', 'invalid', 'kept', 'missed', 'missed', 'missed', 'missed', 'invalid'],
  );
  assert.match(shop[4]?.note ?? '', /^items: p95 /);
  assert.deepEqual(
    chart?.panels.map(({ title, levels }) => [title, levels.map(({ name }) => name)]),
    [
      ['p95 latency', ['target: 150 ms']],
      ['served', []],
      ['errors and refusals', ['at most 1 %']],
    ],
  );
  assert.deepEqual(chart?.marks, [{ name: 'gate', x: 50 }]);
});

test('loadCharts marks the capacity that was found, and a knee that several series share once', () => {
  assert.deepEqual(firstChart(storedRunOf('capacity')).marks, [{ name: 'capacity', x: 59.7 }]);
  assert.deepEqual(firstChart(storedRunOf('matrix')).marks, [{ name: 'knee', x: 4 }]);
});

test('endpointCharts has a curve for each endpoint with its own target, and none for one endpoint or one load', () => {
  const shop = storedRunOf('shop-ramp');
  assert.deepEqual(
    endpointCharts(shop, firstSeries(shop)).map(({ endpoint, chart, isKept }) => [
      endpoint,
      chart.panels[0]?.levels.map(({ y }) => y),
      isKept,
    ]),
    [
      ['items', [60], false],
      ['search', [150], false],
      ['checkout', [400], false],
    ],
  );
  const names = Array.from({ length: 12 }, (_, index) => `endpoint ${index}`);
  const twelve = withEndpoints(storedRunOf('ramp'), names);
  assert.equal(endpointCharts(twelve, firstSeries(twelve)).length, 12);
  assert.deepEqual(endpointCharts(storedRunOf('ramp'), firstSeries(storedRunOf('ramp'))), []);
  assert.deepEqual(endpointCharts(onePointRun(shop), firstSeries(onePointRun(shop))), []);
});

test('mainCharts has the picture of every experiment, and none of a run that measured nothing', () => {
  const titles = Object.fromEntries(
    storedNames.map((name) => [
      name,
      mainCharts(storedRunOf(name)).map(({ panels }) => panels.map(({ title }) => title)),
    ]),
  );
  const load = ['p95 latency', 'served'];
  assert.deepEqual(titles, {
    ramp: [[...load, 'errors and refusals']],
    'shop-ramp': [load],
    capacity: [[...load, 'errors and refusals']],
    matrix: [load],
    prove: [load],
    soak: [['latency', 'p95 by endpoint', 'memory by role']],
    spike: [['latency of those let in', 'users, and refusals a second', 'throughput']],
    compare: [['throughput', 'p95 latency']],
    tune: [['served']],
    ingest: [['accepted', 'p99 of the reads beside them']],
  });
  assert.deepEqual(mainCharts(emptyRun(storedRunOf('soak'))), []);
});

test('every chart of every run is drawn in every size, without a number that is none', () => {
  const runs = storedNames.flatMap((name) => {
    const run = storedRunOf(name);
    return [run, onePointRun(run), wideRun(run), hostileRun(run)];
  });
  for (const run of runs) {
    const charts = [
      ...mainCharts(run),
      ...run.series.flatMap((series) => [
        ...endpointCharts(run, series).map(({ chart }) => chart),
        ...[phaseChart(series)].filter((chart) => chart !== undefined),
      ]),
    ];
    for (const chart of charts) {
      for (const size of Object.values(chartSizes)) {
        assert.doesNotMatch(
          chartSvg(chart, size),
          /NaN|undefined|Infinity|>-?[\d.]+e[-+]\d/,
          `${run.id}: ${chart.title}`,
        );
      }
    }
  }
});

test('phaseChart stacks a load that was tried twice once', () => {
  const chart = phaseChart(firstSeries(storedRunOf('capacity')));
  const [lower] = chart?.panels[0]?.lines ?? [];
  const xs = lower?.points.map(({ x }) => x) ?? [];
  assert.equal(new Set(xs).size, xs.length);
});

test('columnsOf, columnText and chartTable say what is at each load', () => {
  const [chart] = loadCharts(storedRunOf('ramp'));
  const columns = columnsOf(chart as Chart, 100);
  assert.equal(columns.length, 9);
  assert.equal(
    columnText(columns[7] as (typeof columns)[number], chart as Chart),
    [
      '80 requests/s offered',
      'p95 latency: 110 ms',
      'served: 68.7 requests/s',
      'errors and refusals: 15.2 %',
      '0.0 % errors and 15.2 % refusals',
    ].join('\n'),
  );
  const { columns: heads, rows } = chartTable(chart as Chart);
  assert.deepEqual(heads, ['requests/s offered', 'p95 latency, ms', 'served, requests/s', 'errors and refusals, %']);
  assert.deepEqual(rows[0], ['10', '60.7', '10.0', '0']);
  const many = Array.from({ length: 500 }, (_, index) => [index, index] as const);
  assert.ok(chartTable(chartOf(line('a', ...many))).rows.length <= 60);
});

test('figureText has three digits, and says of a small figure that it is small', () => {
  assert.deepEqual([133_132, 123.4, 12.34, 1.234, 0.1234, 0.00001, 0, Number.NaN].map(figureText), [
    '133,132',
    '123',
    '12.3',
    '1.23',
    '0.12',
    '< 0.001',
    '0',
    '–',
  ]);
});
