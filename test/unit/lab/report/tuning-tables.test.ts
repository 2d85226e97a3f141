import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standaloneChart } from '../../../../src/lab/report/standalone-chart.ts';
import { textTable } from '../../../../src/lab/report/tables.ts';
import { frontierChart, summaryTables, tuningTables } from '../../../../src/lab/report/tuning-tables.ts';
import { tuned, untuned } from '../tuning/tunings.ts';

test('tuningTables: what each change bought comes first, then the frontier, then the rungs from the last', () => {
  assert.deepEqual(
    tuningTables(tuned).map(({ title }) => title),
    [
      'What each change bought',
      'Pareto frontier of throughput, p99 and RSS',
      'Rung 2: 2 configurations, 6 s each',
      'Rung 1: 4 configurations, 2 s each',
    ],
  );
  assert.deepEqual(tuningTables(undefined), []);
  assert.deepEqual(
    summaryTables(untuned).map(({ title }) => title),
    ['Pareto frontier of throughput, p99 and RSS'],
  );
});

test('tuningTables: the ladder has each change with its gain, and at last the result', () => {
  const [ladder] = tuningTables(tuned);
  assert.equal(
    ladder === undefined ? '' : textTable(ladder).replaceAll(/ +$/gm, ''),
    [
      '                           requests/s  p99 ms  RSS MiB  failed  Δ requests/s    Δ p99    Δ RSS',
      '                as it was      1000.0    40.0     1000   0.0 %',
      '  + GENERATOR_INSTANCES=4      1200.0    30.0     1250   0.0 %       +20.0 %  -25.0 %  +25.0 %          better by throughput',
      '+ GENERATOR_CONCURRENCY=8      1200.4    29.9     1325   0.0 %         0.0 %   -0.2 %   +6.0 %      worse by RSS: taken back',
      '      + QUEUE_CAPACITY=64      1201.0    30.0     1325   0.0 %        +0.1 %   +0.2 %    0.0 %  within the noise: taken back',
      '                   result      1200.0    30.0     1250   0.0 %       +20.0 %  -25.0 %  +25.0 %             against as it was',
    ].join('\n'),
  );
});

test('tuningTables: of one change there is no result beside it', () => {
  const [ladder] = tuningTables({ ...tuned, ladder: tuned.ladder.slice(0, 2) });
  assert.equal(ladder?.rows.length, 2);
});

test('tuningTables: a rung says of each what is to be known of it', () => {
  const rung = tuningTables(tuned).at(-1);
  assert.deepEqual(
    rung?.rows.map((row) => row.at(-1)),
    ['chosen', 'as it was, disturbed', 'misses the targets', 'did not start'],
  );
  assert.deepEqual(rung?.rows[3]?.slice(0, 9), ['2', '2', '2', '256', '200', '0.0', '–', '0', '100.0 %']);
});

test('frontierChart has dots of all, and rings around those of the frontier, the baseline and the choice', () => {
  const [panel] = frontierChart(tuned).panels;
  // Three were measured (one did not start), two are on the frontier, one each is the baseline and the choice.
  assert.deepEqual(
    panel?.lines.map(({ name, points, isScattered }) => [name, points.length, isScattered]),
    [
      ['measured', 3, true],
      ['frontier', 2, true],
      ['as it was', 1, true],
      ['chosen', 1, true],
    ],
  );
  const svg = standaloneChart(frontierChart(tuned));
  assert.equal(svg.match(/<circle/g)?.length, 4 + 7, 'the legend, and the points');
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
});
