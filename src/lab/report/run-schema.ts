import { z } from 'zod';
import { outcomes } from '../load/outcome.ts';
import { tunables } from '../tuning/configuration.ts';

// Published as docs/run.schema.json: what run.json holds, for programs that read it. `schema` counts up when a part goes or
// changes its meaning; what is added does not change it.

/** JSON knows neither NaN nor infinity: null is a figure that could not be taken. */
const figure = z.number().nullable();
const text = z.string();
const texts = z.record(text, text);
const count = z.int().min(0);
const counts = z.record(text, count);

const distribution = z.strictObject({
  count,
  meanMs: figure,
  p50Ms: figure,
  p90Ms: figure,
  p95Ms: figure,
  p99Ms: figure,
  p999Ms: figure,
  maxMs: figure,
});

const figures = {
  requests: count,
  offeredPerSecond: figure,
  throughputPerSecond: figure,
  outcomes: z.partialRecord(z.enum(outcomes), count),
  errorShare: figure,
  refusedShare: figure,
  latency: distribution,
  wait: distribution,
  exec: distribution,
};

const validity = z.strictObject({
  valid: z.boolean(),
  reasons: z.array(text),
  sendLagP99Ms: figure,
  senderCpuShare: figure,
  eventLoopDelayP99Ms: figure,
  littlesLaw: z.strictObject({ counted: figure, expected: figure, gap: figure }),
});

const processUse = z.strictObject({
  role: text,
  instance: count,
  pid: count,
  cpuShare: figure,
  maxRssBytes: figure,
  maxDescriptors: figure,
  ownBytes: figure,
  descriptors: figure,
  contextSwitchesPerSecond: figure,
  runQueueShare: figure,
});

const server = z.strictObject({
  phases: z.array(
    z.strictObject({ kind: z.enum(['wait', 'exec']), endpoint: text, phase: text, count: figure, meanMs: figure }),
  ),
  refusals: counts,
  cache: counts,
  attempts: counts,
  mostQueued: figure,
  eventLoopDelayP99Ms: z.record(text, figure),
  mostPoolBusy: figure,
});

const step = z.strictObject({
  load: z.strictObject({
    kind: z.enum(['open', 'closed']),
    amount: figure,
    cycleDelayMs: figure,
    settleMs: figure,
    durationMs: figure,
  }),
  concurrency: figure,
  underWay: z.array(figure),
  figures: z.strictObject(figures),
  overTarget: count,
  endpoints: z.array(z.strictObject({ endpoint: text, histogram: text, overTarget: count.optional(), ...figures })),
  validity,
  use: z.strictObject({ machineCpuShare: figure, foreignCpuShare: figure, processes: z.array(processUse) }),
  server: server.optional(),
  discarded: z.array(text),
});

const usl = z.strictObject({
  alpha: figure,
  beta: figure,
  gamma: figure,
  margins: z.strictObject({ alpha: figure, beta: figure, gamma: figure }),
  peakConcurrency: figure,
  rSquared: figure,
});

const endpointTargets = z.strictObject({
  p95Ms: figure.optional(),
  p99Ms: figure.optional(),
  maxFailedShare: figure.optional(),
  maxTimeouts: count.optional(),
});

const series = z.strictObject({
  name: text,
  loadUnit: text,
  settings: texts,
  steps: z.array(step),
  confirmations: z.array(step),
  usl: usl.optional(),
  knee: figure.optional(),
  targets: z
    .strictObject({ all: endpointTargets.optional(), endpoints: z.record(text, endpointTargets).optional() })
    .optional(),
  limit: text,
});

const mark = z.strictObject({ name: text, series: text, y: figure });

const timeline = z.strictObject({
  title: text,
  xLabel: text,
  lines: z.array(
    z.strictObject({ name: text, points: z.array(z.tuple([figure, figure])), isScattered: z.boolean().optional() }),
  ),
  marks: z.array(z.strictObject({ name: text, y: figure })),
});

const drift = z.strictObject({
  name: text,
  unit: z.enum(['ms', 'MiB', 'descriptors']),
  windows: count,
  median: figure,
  slopePerHour: figure,
  change: figure,
  p: figure,
  verdict: text,
});

const configuration = z.strictObject(
  Object.fromEntries(tunables.map((name) => [name, count])) as Record<(typeof tunables)[number], typeof count>,
);
const merits = z.strictObject({
  throughputPerSecond: figure,
  p99Ms: figure,
  rssBytes: figure,
  failedShare: figure,
});
const evaluation = { configuration, merits };
const gain = z.strictObject({
  verdict: z.enum(['better', 'worse', 'nothing']),
  by: text,
  throughput: figure,
  p99: figure,
  rss: figure,
});
const tuning = z.strictObject({
  users: count,
  targets: z.strictObject({ p99Ms: figure, maxFailedShare: figure }),
  baseline: configuration,
  rungs: z.array(
    z.strictObject({
      holdMs: figure,
      evaluations: z.array(z.strictObject({ ...evaluation, doubts: z.array(text), failure: text.optional() })),
    }),
  ),
  frontier: z.array(z.looseObject(evaluation)),
  chosen: configuration,
  ladder: z.array(z.looseObject({ configuration, merits, gain: gain.optional() })),
  result: configuration,
  bought: z.strictObject({ before: merits, after: merits, gain }).optional(),
});

const gate = z.strictObject({ name: text, expected: text, got: text, passed: z.boolean() });

/** run.json, as it is read back. */
export const runSchema = z.strictObject({
  schema: z.literal(1),
  id: text,
  experiment: text,
  startedAt: text,
  seconds: figure,
  target: text.optional(),
  commit: text,
  version: text,
  machine: z.strictObject({ processors: text, memoryGiB: figure, system: text, node: text }),
  scenario: text,
  configuration: texts,
  series: z.array(series),
  findings: z.array(text),
  gates: z.array(gate),
  marks: z.strictObject({ throughput: z.array(mark), p95: z.array(mark) }),
  timelines: z.array(timeline).optional(),
  drifts: z.array(drift).optional(),
  tables: z.array(z.strictObject({ title: text, columns: z.array(text), rows: z.array(z.array(text)) })).optional(),
  tuning: tuning.optional(),
  verdict: z.enum(['passed', 'failed', 'invalid']),
  reasons: z.array(text),
});

/** The JSON Schema that docs/ publishes: without the ban on what it does not know, as a later version may add to it. */
export function runJsonSchema(): object {
  const schema = {
    $id: 'run.schema.json',
    title: 'A run of the Rampart lab: run.json',
    ...z.toJSONSchema(runSchema, { reused: 'ref' }),
  };
  const isBan = (name: string, value: unknown): boolean => name === 'additionalProperties' && value === false;
  return JSON.parse(
    JSON.stringify(schema, (name, value: unknown) => (isBan(name, value) ? undefined : value)),
  ) as object;
}
