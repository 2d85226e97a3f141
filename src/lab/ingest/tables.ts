import type { NamedTable } from '../report/table.ts';
import { known, number } from '../report/tables.ts';
import { paretoFront } from '../statistics/pareto.ts';
import type { LedgerPoint } from './ledger-modes.ts';
import type { IngestPoint } from './measure.ts';

const MIB = 1024 ** 2;

/** A figure that is judged: from `target` on it is good, from `acceptable` on enough. */
export interface Grade {
  readonly name: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly target: number;
  readonly acceptable: number;
}

/** The figures that a release must reach. */
export const grades = {
  items: { name: 'items accepted', unit: 'items/s', better: 'more', target: 100_000, acceptable: 50_000 },
  readP50: { name: 'reads beside them, p50', unit: 'ms', better: 'less', target: 5, acceptable: 10 },
  readP99: { name: 'reads beside them, p99', unit: 'ms', better: 'less', target: 20, acceptable: 50 },
  readP999: { name: 'reads beside them, p99.9', unit: 'ms', better: 'less', target: 50, acceptable: 100 },
  memory: { name: 'most memory', unit: 'MiB', better: 'less', target: 1024, acceptable: 2048 },
  spread: { name: 'spread of the runs', unit: '%', better: 'less', target: 5, acceptable: 10 },
} as const satisfies Record<string, Grade>;

export type Level = 'target' | 'acceptable' | 'degraded';

export function levelOf({ better, target, acceptable }: Grade, value: number): Level {
  const reaches = (bar: number): boolean => (better === 'more' ? value >= bar : value <= bar);
  return reaches(target) ? 'target' : reaches(acceptable) ? 'acceptable' : 'degraded';
}

export function gradeTable(figures: readonly (readonly [grade: Grade, value: number])[]): NamedTable {
  return {
    title: 'The figures',
    columns: ['', 'measured', 'target', 'acceptable', 'level'],
    rows: figures.map(([grade, value]) => {
      const sign = grade.better === 'more' ? '≥' : '≤';
      return [
        grade.name,
        `${number(value, grade.unit === 'items/s' ? 0 : 1)} ${grade.unit}`,
        `${sign} ${number(grade.target)}`,
        `${sign} ${number(grade.acceptable)}`,
        levelOf(grade, value),
      ];
    }),
  };
}

const columns = [
  'workers',
  'items a batch',
  'queue',
  'offered/s',
  'accepted/s',
  'dropped',
  'batch p50 ms',
  'p99',
  'p99.9',
  'read p50 ms',
  'p99',
  'p99.9',
  'processors',
  'memory MiB',
];

export function pointTable(title: string, points: readonly IngestPoint[], processors: number): NamedTable {
  return { title, columns, rows: points.map((point) => rowOf(point, processors)) };
}

/** The points than which none is better in throughput, p99 of reads and memory. */
export function frontTable(points: readonly IngestPoint[], processors: number): NamedTable {
  const front = paretoFront(points, [
    { better: 'more', of: ({ itemsPerSecond }) => itemsPerSecond },
    { better: 'less', of: ({ reads }) => reads.latency.p99Ms },
    { better: 'less', of: ({ memoryBytes }) => memoryBytes },
  ]);
  return pointTable('Pareto frontier of throughput, p99 of reads and memory', front, processors);
}

function rowOf(
  { workers, plan, sent, reads, use, itemsPerSecond, memoryBytes }: IngestPoint,
  processors: number,
): string[] {
  const { itemsPerSecond: rate, batchItems, queueItems } = plan;
  const milliseconds = [sent.latency, reads.latency].flatMap(({ p50Ms, p99Ms, p999Ms }) => [p50Ms, p99Ms, p999Ms]);
  return [
    String(workers),
    number(batchItems),
    rate === undefined ? 'without end' : number(queueItems),
    rate === undefined ? 'all' : number(rate),
    number(itemsPerSecond),
    `${known((sent.dropped / Math.max(1, sent.offered)) * 100, 1)} %`,
    ...milliseconds.map((ms) => known(ms, 1)),
    number(use.machineCpuShare * processors, 2),
    number(memoryBytes / MIB),
  ];
}

export function ledgerTable(points: readonly LedgerPoint[]): NamedTable {
  return {
    title: 'Modes of the ledger, and what kill -9 of every gateway worker loses',
    columns: ['LEDGER_DURABILITY', 'LEDGER_BATCH_SIZE', 'barcodes/s', 'p99 ms', 'acknowledged', 'lost'],
    rows: points.map(({ durability, batchSize, perSecond, p99Ms, acknowledged, lost }) => [
      durability,
      number(batchSize),
      number(perSecond),
      known(p99Ms, 1),
      number(acknowledged),
      number(lost),
    ]),
  };
}
