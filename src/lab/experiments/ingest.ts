import { availableParallelism } from 'node:os';
import { agendaOf, type IngestAgenda } from '../ingest/agenda.ts';
import { type LedgerPoint, measureLedger } from '../ingest/ledger-modes.ts';
import { type IngestPoint, limitOf, measureIngest } from '../ingest/measure.ts';
import { frontTable, type Grade, grades, gradeTable, ledgerTable, levelOf, pointTable } from '../ingest/tables.ts';
import type { ExperimentOutcome, Gate } from '../report/run-record.ts';
import { number } from '../report/tables.ts';
import { mean } from '../statistics/quantile.ts';
import type { System } from '../system/system.ts';
import type { LabContext } from './step.ts';

export interface IngestOptions extends IngestAgenda {
  /** Starts a system with these settings beside those that all have. */
  readonly start: (name: string, settings: Readonly<Record<string, string>>) => Promise<System>;
}

/** Requests at a time: enough that a worker has the next one when a batch is stored. */
const CONNECTIONS = 4;
/** Of a request in a sustained run; as large as a batch may be, and ten times smaller than that. */
const SUSTAINED_BATCH = 10_000;
const USUAL_BATCH = 1000;
const LONGEST_RUN_MS = 600_000;
/** Accepted, and made by nobody: images are another matter. */
const acceptanceOnly = { BATCH_WORKERS: '0', GENERATOR_INSTANCES: '1' } as const;

/** Items of batches at rates that grow, with reads by id beside them; one factor is varied at a time. */
export async function ingest(options: IngestOptions, context: LabContext): Promise<ExperimentOutcome> {
  const agenda = agendaOf(options);
  const means = {
    context,
    announce: () => {
      context.expect(agenda.reduce((sum, ms) => sum + ms, 0));
      agenda.shift();
    },
  };
  const varied = options.rates.length === 0 ? [] : await variations(options, means);
  const sustained = await sustainedRuns(options, means);
  const ledger = await ledgerModes(options, means);
  const processors = availableParallelism();
  const figures = figuresOf(sustained);
  const all = varied.flatMap(({ points }) => points);
  return {
    scenario: 'createBatch (POST /v1/batches, NDJSON); items are accepted and not made; 10 reads/s by id beside them',
    configuration: {
      rates: `${options.rates.map((rate) => number(rate)).join(', ')} items/s, ${options.holdMs / 1000} s each`,
      'sustained runs': `${options.runs} of ${number(options.items)} items, ${number(SUSTAINED_BATCH)} in a request`,
      connections: String(CONNECTIONS),
    },
    series: [],
    tables: [
      gradeTable(figures),
      pointTable(`${number(options.items)} items, as fast as they are accepted`, sustained, processors),
      ...varied.map(({ title, points }) => pointTable(title, points, processors)),
      ...(all.length === 0 ? [] : [frontTable(all, processors)]),
      ...(ledger.length === 0 ? [] : [ledgerTable(ledger)]),
    ],
    gates: gatesOf(figures, sustained),
    findings: [
      ...sustained.slice(-1).map((point) => `Limited by ${limitOf(point)}.`),
      ...ledger.filter(({ lost }) => lost > 0).map(lossSentence),
    ],
    reasons: failuresOf([...all, ...sustained]),
    marks: { throughput: [], p95: [] },
  };
}

interface Variation {
  readonly title: string;
  readonly points: readonly IngestPoint[];
}

interface Means {
  readonly context: LabContext;
  /** Tells how long the rest takes, from the measurement on that begins now. */
  readonly announce: () => void;
}

async function variations(options: IngestOptions, { context, announce }: Means): Promise<Variation[]> {
  const { rates, workers, batches, queues, holdMs } = options;
  const [most, widest, longest] = [Math.max(...rates), Math.max(...workers), Math.max(...queues)];
  const usual = { itemsPerSecond: most, batchItems: USUAL_BATCH, queueItems: longest };
  const common = { connections: CONNECTIONS, durationMs: holdMs, items: Number.MAX_SAFE_INTEGER };
  const measure = async (system: System, count: number, change: Partial<typeof usual>): Promise<IngestPoint> => {
    announce();
    const point = await measureIngest(system, count, { ...usual, ...common, ...change }, context);
    context.say(`  ${lineOf(point)}`);
    return point;
  };
  const found: Variation[] = [];
  const ofWorkers: IngestPoint[] = [];
  for (const count of workers) {
    const system = await options.start(`ingest, ${count} workers`, {
      ...acceptanceOnly,
      GATEWAY_WORKERS: String(count),
    });
    if (count === widest) {
      found.push({
        title: 'Offered rate',
        points: await each(rates, (rate) => measure(system, count, { itemsPerSecond: rate })),
      });
      found.push({
        title: 'Items in a batch',
        points: await each(batches, (size) => measure(system, count, { batchItems: size })),
      });
      found.push({
        title: 'Length of the queue',
        points: await each(queues, (length) => measure(system, count, { queueItems: length })),
      });
    }
    ofWorkers.push(await measure(system, count, {}));
    await system.stop();
  }
  return [...found, { title: 'Gateway workers', points: ofWorkers }];
}

async function each<Value>(
  values: readonly Value[],
  work: (value: Value) => Promise<IngestPoint>,
): Promise<IngestPoint[]> {
  const points: IngestPoint[] = [];
  for (const value of values) points.push(await work(value));
  return points;
}

async function sustainedRuns(options: IngestOptions, { context, announce }: Means): Promise<IngestPoint[]> {
  const { runs, items, workers } = options;
  const count = Math.max(...workers);
  const plan = {
    itemsPerSecond: undefined,
    batchItems: Math.min(SUSTAINED_BATCH, items),
    queueItems: items,
    connections: CONNECTIONS,
    durationMs: LONGEST_RUN_MS,
    items,
  };
  const points: IngestPoint[] = [];
  for (let run = 0; run < runs; run++) {
    announce();
    // Each with a database of its own: a table that has grown is another system.
    const system = await options.start(`ingest, run ${run + 1}`, { ...acceptanceOnly, GATEWAY_WORKERS: String(count) });
    const point = await measureIngest(system, count, plan, context);
    context.say(`  run ${run + 1}: ${lineOf(point)}`);
    points.push(point);
    await system.stop();
  }
  return points;
}

async function ledgerModes(options: IngestOptions, { context, announce }: Means): Promise<LedgerPoint[]> {
  const points: LedgerPoint[] = [];
  for (const durability of options.durabilities) {
    for (const batchSize of options.ledgerBatches) {
      announce();
      const system = await options.start(`${durability}, ${batchSize}`, {
        LEDGER_DURABILITY: durability,
        LEDGER_BATCH_SIZE: String(batchSize),
        GENERATOR_INSTANCES: '1',
        GENERATOR_KIND: 'calibrated',
        CALIBRATED_SERVICE_TIME_MS: '1',
        GENERATOR_CONCURRENCY: '16',
        GATEWAY_WORKERS: '1',
        BATCH_WORKERS: '0',
      });
      const point = await measureLedger(system, { durability, batchSize, holdMs: options.holdMs }, context);
      context.say(`  ledger ${durability}, batch ${batchSize}: ${number(point.perSecond)}/s, ${point.lost} lost`);
      points.push(point);
      await system.stop();
    }
  }
  return points;
}

type Figure = readonly [grade: Grade, value: number];

/** Of all sustained runs: the mean of what they reached, and the worst of the rest. */
function figuresOf(points: readonly IngestPoint[]): Figure[] {
  const rates = points.map(({ itemsPerSecond }) => itemsPerSecond);
  const worst = (of: (point: IngestPoint) => number): number => Math.max(...points.map(of));
  return [
    [grades.items, mean(rates)],
    [grades.readP50, worst(({ reads }) => reads.latency.p50Ms)],
    [grades.readP99, worst(({ reads }) => reads.latency.p99Ms)],
    [grades.readP999, worst(({ reads }) => reads.latency.p999Ms)],
    [grades.memory, worst(({ memoryBytes }) => memoryBytes) / 1024 ** 2],
    [grades.spread, ((Math.max(...rates) - Math.min(...rates)) / mean(rates)) * 100],
  ];
}

/** What a release must keep: the acceptable throughput and memory, the target of the reads, runs that agree. */
function gatesOf(figures: readonly Figure[], points: readonly IngestPoint[]): Gate[] {
  const needed: readonly (readonly [grade: Grade, level: 'target' | 'acceptable'])[] = [
    [grades.items, 'acceptable'],
    [grades.readP99, 'target'],
    [grades.memory, 'acceptable'],
    ...(points.length > 1 ? [[grades.spread, 'target'] as const] : []),
  ];
  return needed.map(([grade, level]) => {
    const value = figures.find(([each]) => each === grade)?.[1] ?? Number.NaN;
    const reached = levelOf(grade, value);
    return {
      name: grade.name,
      expected: `${grade.better === 'more' ? '≥' : '≤'} ${number(grade[level])} ${grade.unit}`,
      got: `${number(value, grade.unit === 'items/s' ? 0 : 1)} ${grade.unit}`,
      passed: reached === 'target' || reached === level,
    };
  });
}

function failuresOf(points: readonly IngestPoint[]): string[] {
  return points.flatMap(({ sent, reads, plan }) => {
    const errors = Object.entries(sent.errors).map(([what, count]) => `${count} batches failed: ${what}`);
    const failed = reads.failed === 0 ? [] : [`${reads.failed} reads failed`];
    return [...errors, ...failed].map((what) => `at ${plan.itemsPerSecond ?? 'full'} items/s, ${what}`);
  });
}

const lossSentence = ({ durability, batchSize, lost, acknowledged }: LedgerPoint): string =>
  `LEDGER_DURABILITY=${durability} with batches of ${batchSize} lost ${lost} of ${acknowledged} acknowledged records at a kill -9 of every worker.`;

const lineOf = ({ plan, itemsPerSecond, reads, workers }: IngestPoint): string =>
  `${workers} workers, ${number(plan.batchItems)} a batch, ${plan.itemsPerSecond === undefined ? 'all' : number(plan.itemsPerSecond)} offered: ${number(itemsPerSecond)} items/s accepted, reads p99 ${reads.latency.p99Ms.toFixed(1)} ms`;
