import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step } from '../../../../src/lab/experiments/step.ts';
import { bottleneckOf } from '../../../../src/lab/experiments/bottleneck.ts';
import { htmlReport } from '../../../../src/lab/report/html.ts';
import { junitReport } from '../../../../src/lab/report/junit.ts';
import { markdownBlock, markdownReport } from '../../../../src/lab/report/markdown.ts';
import { barPlot } from '../../../../src/lab/report/bar-plot.ts';
import { deltaOf } from '../../../../src/lab/report/delta.ts';
import { emptyRun, hostileRun, invalidRun, onePointRun, storedNames, storedRunOf } from '../../../support/lab-runs.ts';
import { type RunRecord, verdictOf } from '../../../../src/lab/report/run-record.ts';

const distribution = { count: 9, meanMs: 55, p50Ms: 55, p90Ms: 56, p95Ms: 57, p99Ms: 58, p999Ms: 59, maxMs: 60 };

function step(amount: number, throughputPerSecond: number, machineCpuShare = 0.3, workerCpuShare = 0.2): Step {
  return {
    load: { kind: 'closed', amount, cycleDelayMs: 0, settleMs: 1000, durationMs: 5000 },
    underWay: [],
    server: undefined,
    concurrency: amount,
    overTarget: 0,
    figures: {
      requests: 100,
      offeredPerSecond: throughputPerSecond,
      throughputPerSecond,
      outcomes: { '2xx': 100 },
      errorShare: 0,
      refusedShare: 0.0123,
      latency: distribution,
      wait: { ...distribution, meanMs: Number.NaN },
      exec: distribution,
    },
    endpoints: [],
    validity: {
      valid: true,
      reasons: [],
      sendLagP99Ms: 1,
      senderCpuShare: 0.1,
      eventLoopDelayP99Ms: 1,
      littlesLaw: { counted: amount, expected: amount, gap: 0 },
    },
    use: {
      machineCpuShare,
      foreignCpuShare: 0.05,
      processes: [
        {
          role: 'gateway',
          instance: 1,
          pid: 7,
          cpuShare: workerCpuShare,
          maxRssBytes: 1,
          maxDescriptors: 1,
          ownBytes: 1,
          descriptors: 1,
          contextSwitchesPerSecond: 1,
          runQueueShare: 0,
        },
      ],
    },
    discarded: [],
  };
}

const series = (name: string, rates: readonly number[]) => ({
  name,
  loadUnit: 'connections',
  settings: { GATEWAY_WORKERS: '2' },
  steps: rates.map((rate, index) => step(index + 1, rate)),
  confirmations: [step(2, 72)],
  usl: undefined,
  limit: 'the <slots>',
});

const run: RunRecord = {
  schema: 1,
  id: '20260101000000-prove',
  experiment: 'prove',
  startedAt: '2026-01-01T00:00:00.000Z',
  seconds: 61.5,
  commit: 'abc',
  version: '1.0.0',
  machine: { processors: '2 × A & B', memoryGiB: 8, system: 'linux', node: 'v26' },
  scenario: 'create',
  configuration: { concurrency: '1, 2', 'cycle delay': '0 ms' },
  series: [series('single', [18, 72]), series('scaled', [18, 430]), series('real', [1000, 2000])],
  findings: ['Six times "more".'],
  gates: [
    { name: 'rate', expected: 'at least 415', got: '419', passed: true },
    { name: 'p95 <b>', expected: 'at most 82.5', got: '90 | 91', passed: false },
  ],
  marks: { throughput: [{ name: 'promised: 415', series: 'scaled', y: 415 }], p95: [] },
  verdict: 'failed',
  reasons: [],
};

test('verdictOf: one gate that fails fails the run, and an invalid run says nothing, whatever its gates say', () => {
  assert.equal(verdictOf(run.gates, []), 'failed');
  assert.equal(verdictOf(run.gates.slice(0, 1), []), 'passed');
  assert.equal(verdictOf(run.gates.slice(0, 1), ['late']), 'invalid');
});

test('htmlReport has the head, the gates and every step, escaped, and needs nothing from elsewhere', () => {
  const html = htmlReport(run);
  for (const text of ['20260101000000-prove', '2 × A &amp; B', 'p95 &lt;b&gt;', 'the &lt;slots&gt;', '1, 2', '1.2 %']) {
    assert.ok(html.includes(text), text);
  }
  assert.doesNotMatch(html.replace(/<script>.*<\/script>/s, ''), / src=| href=|url\(|NaN|undefined/);
  assert.equal(html.match(/<script>/g)?.length, 1, 'the script for values under the pointer');
});

test('junitReport: a failed gate is a failure; of an invalid run every gate is an error', () => {
  const xml = junitReport(run);
  assert.match(xml, /tests="2" failures="1" errors="0"/);
  assert.match(xml, /name="p95 &lt;b&gt;"><failure message="expected at most 82.5, got 90 \| 91"\/>/);
  const invalid = junitReport({ ...run, reasons: ['the sender was late'] });
  assert.match(invalid, /tests="2" failures="0" errors="2"/);
  assert.match(invalid, /<error message="invalid run: the sender was late"\/>/);
});

test('markdownReport keeps its tables whole', () => {
  const markdown = markdownReport(run);
  assert.match(markdown, /\| ✖ failed \| p95 \\<b\\> \| at most 82\.5 \| 90 \\\| 91 \|/);
  assert.doesNotMatch(markdown, /NaN|undefined/);
});

const overTime: RunRecord = {
  ...run,
  timelines: [
    {
      title: 'latency, ms',
      xLabel: 'minutes',
      lines: [
        { name: 'p95', points: Array.from({ length: 30 }, (_, index) => [index + 1, 10 * (index + 1)] as const) },
      ],
      marks: [],
    },
  ],
  drifts: [
    {
      name: 'gateway 1, memory',
      unit: 'MiB',
      windows: 20,
      median: 150,
      slopePerHour: 12.345,
      change: -1,
      p: 0.0001,
      verdict: 'drifts',
    },
  ],
};

test('a run that goes on over time is drawn over time, and its drifts are a table', () => {
  const html = htmlReport(overTime);
  assert.match(html, /latency, ms<.*minutes</s);
  assert.match(html, /<summary>Drift<.*gateway 1, memory<.*150\.0 MiB<.*\+12\.35<.*-1\.00<.*&lt; 0\.001<.*drifts</s);
  assert.doesNotMatch(htmlReport(run), /<summary>Drift/);
});

test('markdownReport tells in tables what the plots over time show, in twelve rows at most', () => {
  const markdown = markdownReport(overTime);
  assert.match(markdown, /## latency, ms\n\n\| minutes \| p95 \|\n\|---\|---\|\n\| 3\.0 \| 30\.0 \|\n\| 6\.0 \|/);
  assert.match(markdown, /\| 30\.0 \| 300\.0 \|\n\n## Drift/);
  assert.match(markdown, /\| gateway 1, memory \| 20 \| 150\.0 MiB \| \+12\.35 \| -1\.00 \| \\< 0\.001 \| drifts \|/);
});

test('bottleneckOf names the slots, the processors, a process, or nothing', () => {
  const of = (endpoint: string, ...args: Parameters<typeof step>): Step => {
    const made = step(...args);
    return { ...made, endpoints: [{ endpoint, histogram: '', ...made.figures }] };
  };
  assert.match(bottleneckOf(of('createBarcode', 4, 70), { slots: 4 }), /slots: 3\.9 of 4/);
  assert.match(
    bottleneckOf(of('renderBarcode', 4, 70), { slots: 24 }),
    /nothing that was full: 3\.9 of 24 slots and 30 %/,
  );
  for (const endpoint of ['getBarcode', 'listBarcodes', 'items']) {
    assert.doesNotMatch(
      bottleneckOf(of(endpoint, 4, 70), { slots: 4 }),
      /slots/,
      `${endpoint} does not go to a generator`,
    );
  }
  assert.match(bottleneckOf(step(4, 70, 0.95), { slots: 24 }), /processors: 95 % busy, 5 % of all with other programs/);
  assert.match(bottleneckOf(step(4, 70, 0.5, 0.97), { slots: 24 }), /gateway 1, which used 97 %/);
});

test('deltaOf sets the loads that two runs share side by side, and says what was different about them', () => {
  const later: RunRecord = {
    ...run,
    id: '20260102000000-prove',
    commit: 'def',
    configuration: { concurrency: '1, 2', pace: 'fast' },
    series: [
      { ...series('single', [18, 90]), settings: { GATEWAY_WORKERS: '4' } },
      { ...series('scaled', [9]), confirmations: [] },
      series('new', [1]),
    ],
  };
  const { differences, tables, unmatched } = deltaOf(run, later);
  assert.deepEqual(differences, [
    'commit: abc → def',
    'cycle delay: 0 ms → not set',
    'pace: not set → fast',
    'single: GATEWAY_WORKERS: 2 → 4',
  ]);
  assert.deepEqual(
    tables.map(({ name, table }) => [name, table.rows.map((row) => row.slice(0, 4))]),
    [
      [
        'single',
        [
          ['1', '18.0 → 18.0', '+0.0 %', '55.0 → 55.0'],
          ['2', '72.0 → 90.0', '+25.0 %', '55.0 → 55.0'],
          ['2*', '72.0 → 72.0', '+0.0 %', '55.0 → 55.0'],
        ],
      ],
      ['scaled', [['1', '18.0 → 9.0', '−50.0 %', '55.0 → 55.0']]],
    ],
  );
  assert.deepEqual(unmatched, ['real: only in 20260101000000-prove', 'new: only in 20260102000000-prove']);
  assert.deepEqual(deltaOf(run, run).differences, []);
});

test('junitReport of an invalid run without a gate is an error, not an empty success', () => {
  const xml = junitReport({ ...run, gates: [], reasons: ['the sender was late'], verdict: 'invalid' });
  assert.match(xml, /tests="1" failures="0" errors="1"/);
  assert.match(xml, /<error message="invalid run: the sender was late"/);
});

test('barPlot draws throughput to the eighth of a character, and nothing where there is no curve', () => {
  assert.deepEqual(barPlot(series('few', [1, 2])), []);
  const bars = barPlot(series('one', [10, 40, 20, 0]));
  assert.deepEqual(
    bars.map((line) => line.slice(0, line.indexOf(',')).replaceAll(/ +/g, ' ')),
    [
      ` 1 connections ${'█'.repeat(10)} 10.0/s`,
      ` 2 connections ${'█'.repeat(40)} 40.0/s`,
      ` 3 connections ${'█'.repeat(20)} 20.0/s`,
      ' 4 connections 0.0/s',
    ],
  );
  assert.match(barPlot(series('one', [100, 51, 3]))[2] ?? '', / █▎ +3\.0\/s, p95 57\.0 ms$/);
});

test('every stored run has its reports, also those of hostile names, of one load and of nothing', () => {
  for (const name of storedNames) {
    const stored = storedRunOf(name);
    for (const each of [
      stored,
      onePointRun(stored),
      emptyRun(stored),
      hostileRun(stored),
      invalidRun(stored, 'a', 'b'),
    ]) {
      const html = htmlReport(each);
      assert.doesNotMatch(
        html.replace(/<script>.*<\/script>/s, ''),
        /NaN|undefined|<(?:img|a|link|iframe|object|base)\b/,
        each.id,
      );
      assert.equal(html.match(/<script/g)?.length, 1, each.id);
      for (const text of [markdownReport(each), markdownBlock(each), junitReport(each)]) {
        assert.doesNotMatch(text, /NaN|undefined|(?<!\\)<(?:script|img)|\u202E/, each.id);
      }
    }
  }
});

test('markdownBlock is a block for a pull request: verdict, figures, gates, and the curve as a folded table', () => {
  assert.equal(
    markdownBlock(storedRunOf('capacity')).split('\n').slice(0, 13).join('\n'),
    [
      '### ✔ capacity passed',
      '',
      '**Carries 59.7 requests/s within its targets; 62.7 are too many.**',
      '',
      '- capacity: **59.7 requests/s**',
      '- too many: **62.7 requests/s**',
      '- p95 at the capacity: **141 ms**',
      '',
      'Next: Nothing was seen to be full: compare wait with exec, and see what the server said of itself.',
      '',
      '<details><summary>The curve as a table</summary>',
      '',
      '| requests/s | offered /s | served /s | avg ms | p50 ms | p95 ms | p99 ms | errors | refused |',
    ].join('\n'),
  );
  const failed = markdownBlock(storedRunOf('spike'));
  assert.match(
    failed,
    /\n\|---\|---\|---\|---\|\n\| ✖ failed \| p95 of those let in, while held \| below 2 × that of the normal load \| 2\.86 × \|\n\| ✔ passed/,
  );
  assert.match(failed, /<sub>20261127163205912-spike, commit 279e7ad9870b, /);
});
