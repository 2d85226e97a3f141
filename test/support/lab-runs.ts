import { readFileSync } from 'node:fs';
import type { Step } from '../../src/lab/experiments/step.ts';
import type { RunRecord, Series } from '../../src/lab/report/run-record.ts';
import { runSchema } from '../../src/lab/report/run-schema.ts';

/** Short runs on a machine of two processors, without their histograms; from before the record had the targets of a series. */
export const storedNames = [
  'ramp',
  'shop-ramp',
  'capacity',
  'matrix',
  'prove',
  'soak',
  'spike',
  'compare',
  'tune',
  'ingest',
] as const;
/** `ramp-of-five`: as `ramp`, with a slot more for each generator, smaller steps, and on a busy machine. */
export type StoredName = (typeof storedNames)[number] | 'ramp-of-five';

export function storedRunOf(name: StoredName): RunRecord {
  const text = readFileSync(new URL(`../data/lab-runs/${name}.json`, import.meta.url), 'utf8');
  const run: unknown = JSON.parse(text);
  runSchema.parse(run);
  return run as RunRecord;
}

/** The same run, with all of its gates kept. */
export const passedRun = (run: RunRecord): RunRecord => ({
  ...run,
  verdict: 'passed',
  reasons: [],
  gates: run.gates.map((gate) => ({ ...gate, passed: true })),
});

/** With this gate lost. */
export const failedRun = (run: RunRecord, index: number, got: string): RunRecord => ({
  ...run,
  verdict: 'failed',
  reasons: [],
  gates: run.gates.map((gate, at) => (at === index ? { ...gate, got, passed: false } : { ...gate, passed: true })),
});

export const invalidRun = (run: RunRecord, ...reasons: string[]): RunRecord => ({
  ...run,
  verdict: 'invalid',
  reasons,
});

/** Ended before anything was measured. */
export const emptyRun = (run: RunRecord): RunRecord => {
  const { timelines: _timelines, drifts: _drifts, tuning: _tuning, tables: _tables, ...rest } = run;
  return invalidRun({ ...rest, series: [], gates: [], findings: [] }, 'of its 4 windows 2 come after the warm-up');
};

const changedSeries = (run: RunRecord, change: (series: Series) => Series): RunRecord => ({
  ...run,
  series: run.series.map(change),
});

/** With the first of its loads alone. */
export const onePointRun = (run: RunRecord): RunRecord =>
  changedSeries(run, (series) => ({ ...series, steps: series.steps.slice(0, 1), confirmations: [] }));

/** With these endpoints in place of its own, each slower than the one before, and with a target of its own. */
export function withEndpoints(run: RunRecord, names: readonly string[]): RunRecord {
  const endpointsOf = ({ endpoints }: Step): Step['endpoints'] =>
    names.map((endpoint, index) => {
      const one = endpoints[0] as Step['endpoints'][number];
      const p95Ms = one.latency.p95Ms * (1 + index);
      return { ...one, endpoint, latency: { ...one.latency, p95Ms } };
    });
  const targets = { endpoints: Object.fromEntries(names.map((name, index) => [name, { p95Ms: 100 * (1 + index) }])) };
  return changedSeries(run, (series) => ({
    ...series,
    targets,
    steps: series.steps.map((step) => ({ ...step, endpoints: endpointsOf(step) })),
  }));
}

/** With latencies that grow over five orders of magnitude. */
export const wideRun = (run: RunRecord): RunRecord =>
  changedSeries(run, (series) => ({
    ...series,
    steps: series.steps.map((step, index) => {
      const p95Ms = 0.04 * 10 ** ((6 * index) / Math.max(1, series.steps.length - 1));
      return { ...step, figures: { ...step.figures, latency: { ...step.figures.latency, p95Ms } } };
    }),
  }));

/** Names that would do harm if a report did not escape them. */
export const hostileNames = [
  '<script>document.title="owned"</script>',
  `"'><img src=x onerror=document.title='owned'>`,
  '\u202Egnp.live\u202C and \u05e9\u05dc\u05d5\u05dd',
  'x'.repeat(200),
  '| a | b |\n\n# heading @everyone `code`',
  '\u001b[31mred\u001b[0m',
] as const;

/** With hostile names wherever a user may name something. */
export function hostileRun(run: RunRecord): RunRecord {
  const renamed = withEndpoints(run, hostileNames);
  const text = hostileNames.join(' ');
  return {
    ...renamed,
    id: `20261127120000000-${hostileNames[0]}`,
    target: text,
    commit: text,
    scenario: text,
    configuration: { [hostileNames[1]]: text },
    findings: [...renamed.findings, text],
    gates: [...hostileNames.map((name) => ({ name, expected: name, got: name, passed: false })), ...renamed.gates],
    marks: {
      throughput: [{ name: text, series: hostileNames[0], y: 20 }],
      p95: [{ name: text, series: hostileNames[0], y: 80 }],
    },
    series: renamed.series.map((series) => ({
      ...series,
      name: hostileNames[0],
      limit: text,
      settings: { [hostileNames[1]]: text },
    })),
    verdict: 'failed',
  };
}
