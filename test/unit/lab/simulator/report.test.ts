import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../../../../src/lab/simulator/comparison.ts';
import { plot } from '../../../../src/lab/simulator/plot.ts';
import { markdownTable, comparisonTable } from '../../../../src/lab/simulator/table.ts';

const row = (load: number, balancer: Row['balancer'], p50Ms: number, errorShare = 0): Row => ({
  load,
  balancer,
  result: {
    outcomes: { success: 1, failed: 0, refused: 0, timeout: 0 },
    meanMs: p50Ms,
    p50Ms,
    p99Ms: 2 * p50Ms,
    p999Ms: 3 * p50Ms,
    meanWaitMs: 0,
    errorShare,
    simulatedMs: 1,
  },
});

const rows = [row(0.7, 'prequal', 50), row(0.7, 'round-robin', 60, 0.5), row(0.9, 'prequal', 70)];

test('textTable aligns the columns and sets the loads apart', () => {
  assert.equal(
    comparisonTable(rows),
    [
      'load  balancer     p50 ms  p99 ms  p99.9 ms  mean ms    errors',
      '',
      '70 %  prequal          50     100       150     50.0   0.000 %',
      '70 %  round-robin      60     120       180     60.0  50.000 %',
      '',
      '90 %  prequal          70     140       210     70.0   0.000 %',
    ].join('\n'),
  );
});

test('markdownTable sets the lowest of each load in bold', () => {
  assert.equal(
    markdownTable(rows.slice(0, 2)),
    [
      '| load | balancer | p50 ms | p99 ms | p99.9 ms | mean ms | errors |',
      '|--:|---|--:|--:|--:|--:|--:|',
      '| 70 % | prequal | **50** | **100** | **150** | **50.0** | **0.000 %** |',
      '| 70 % | round-robin | 60 | 120 | 180 | 60.0 | 50.000 % |',
    ].join('\n'),
  );
});

test('plot draws a line for each balancer in each panel, and a label at it', () => {
  const svg = plot('a < b', rows);
  assert.equal(svg.match(/>prequal</g)?.length, 5);
  assert.equal(svg.match(/>round-robin</g)?.length, 5);
  assert.match(svg, /<text[^>]*>a &lt; b<\/text>/);
  assert.match(svg, />≤ 10</);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
});

test('plot keeps labels apart and on the panel when all lines start at one point', () => {
  const same = (['prequal', 'round-robin', 'peak-ewma', 'random-two'] as const).map((name) => row(0.7, name, 50));
  const heights = [...plot('t', same).matchAll(/<text x="-18" y="([\d.]+)"/g)].map((match) => Number(match[1]));
  const first = heights.slice(0, 4).sort((left, right) => left - right);
  assert.deepEqual(
    first.slice(1).map((height, index) => height - (first[index] as number)),
    [14, 14, 14],
  );
  assert.ok((first[0] as number) >= 0 && (first[3] as number) <= 284, `${first}`);
});
