import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlaysOf } from '../../../../src/lab/report/overlay.ts';
import { pairReport } from '../../../../src/lab/report/pair-html.ts';
import { pairBlock, pairHeadline, pairLine } from '../../../../src/lab/report/pair.ts';
import type { RunRecord } from '../../../../src/lab/report/run-record.ts';
import { emptyRun, hostileRun, type StoredName, storedNames, storedRunOf } from '../../../support/lab-runs.ts';

/** The same run on another day, faster by a fifth, and with nothing refused. */
function faster(run: RunRecord): RunRecord {
  return {
    ...run,
    id: run.id.replace('20261127', '20261128'),
    series: run.series.map((series) => ({
      ...series,
      settings: { ...series.settings, GENERATOR_CONCURRENCY: '5' },
      steps: series.steps.map((step) => ({
        ...step,
        figures: {
          ...step.figures,
          refusedShare: 0,
          throughputPerSecond: step.figures.throughputPerSecond * 1.1,
          latency: { ...step.figures.latency, p95Ms: step.figures.latency.p95Ms * 0.8 },
        },
      })),
    })),
  };
}

const of = (name: StoredName): RunRecord => storedRunOf(name);

test('pairHeadline says what each run carries, or else how they differ at the highest load of both', () => {
  const carried = pairHeadline(of('ramp'), faster(of('ramp')));
  assert.equal(carried.sentence, 'B carries 90 requests/s within its targets, A 50 (+80.0 %).');
  assert.deepEqual(carried.figures[1], {
    label: 'p95 of B at 90 requests/s',
    value: '89.0 ms',
    promise: 'A: 111 ms, −20.0 %',
  });
  assert.equal(
    pairHeadline(of('prove'), faster(of('prove'))).sentence,
    'At 5 connections, B serves 77.7 requests/s where A serves 70.7 (+10.0 %), with p95 73.9 ms against 92.4 ms (−20.0 %).',
  );
  assert.equal(pairHeadline(of('ramp'), emptyRun(of('ramp'))).sentence, 'The two runs have no load in common.');
});

test('overlaysOf puts the curves of both runs over each other, one chart for each that both have', () => {
  const [own] = overlaysOf(of('ramp'), faster(of('ramp')));
  assert.deepEqual(
    own?.chart.panels.map(({ title, lines, levels }) => [
      title,
      lines.map(({ name, look }) => `${name} ${look}`),
      levels.map(({ name }) => name),
    ]),
    [
      ['p95 latency', ['A 0', 'B 1'], ['target: 150 ms']],
      ['served', ['A 0', 'B 1'], []],
      ['errors and refusals', ['A 0'], ['at most 1 %, A']],
    ],
  );
  assert.deepEqual(own?.chart.marks, [{ name: 'gate', x: 50 }]);
  assert.deepEqual(
    overlaysOf(of('prove'), of('prove')).map(({ name }) => name),
    of('prove').series.map(({ name }) => name),
  );
  assert.deepEqual(
    overlaysOf(of('soak'), of('soak'))[0]?.chart.panels[0]?.lines.map(({ name, look }) => `${name} ${look}`),
    ['A: p50 0', 'A: p95 2', 'A: p99 4', 'B: p50 1', 'B: p95 3', 'B: p99 5'],
  );
  assert.deepEqual(overlaysOf(of('ramp'), of('soak')), []);
});

test('pairReport is one page of any two runs, also of two that have nothing in common, and holds no markup of theirs', () => {
  for (const name of storedNames) {
    const html = pairReport(of(name), hostileRun(faster(of(name))));
    assert.doesNotMatch(
      html.replace(/<script>.*<\/script>/s, ''),
      /NaN|undefined|<(?:img|a|link|iframe|object|base)\b/,
      name,
    );
    assert.equal(html.match(/<script/g)?.length, 1, name);
  }
  assert.match(pairReport(of('ramp'), of('soak')), /no curve in common/);
  assert.match(pairReport(of('ramp'), faster(of('ramp'))), /own: GENERATOR_CONCURRENCY: 4 → 5/);
});

test('pairLine is one line; pairBlock is Markdown with a folded table for each series', () => {
  assert.equal(
    pairLine(of('ramp'), faster(of('ramp'))),
    'A 20261127163041815-ramp (passed), B 20261128163041815-ramp (passed): B carries 90 requests/s within its targets, A 50 (+80.0 %). One run of each cannot tell a change from chance: rampart lab compare repeats both, in turns.',
  );
  const block = pairBlock(of('ramp'), faster(of('ramp')));
  assert.match(block, /^### ramp: B against A\n\n\*\*B carries 90 requests\/s/);
  assert.match(block, /\| A \| 20261127163041815-ramp \| 279e7ad9870b \| ✔ passed \|/);
  assert.match(block, /- own: GENERATOR_CONCURRENCY: 4 → 5\n/);
  assert.match(block, /<details><summary>own, A → B<\/summary>\n\n\| requests\/s \|/);
});
