import { z } from 'zod';
import type { SavedSlo } from './slo-watch.ts';
import { loadJson, saveJson } from '../../core/json-file.ts';
import { savedCount, savedMoment } from '../saved-numbers.ts';
import { type Fold, Tiers } from '../../policy/history/tiers.ts';
import type { HostSignals } from '../../policy/verdict/signals.ts';
import type { UsualWork } from '../../policy/verdict/usual-work.ts';
import {
  type HistoryColumn,
  historyColumns,
  type HistoryView,
  type HostChange,
  type LiveView,
} from '../../protocol/live-view.ts';

/** The worst moment of a minute matters for a tail, the mean for a rate. */
const folds: Readonly<Record<HistoryColumn, Fold>> = {
  requestsPerSecond: 'mean',
  p50Ms: 'mean',
  p95Ms: 'max',
  p99Ms: 'max',
  refusedPerSecond: 'mean',
  errorsPerSecond: 'mean',
  inFlight: 'mean',
  queued: 'max',
  permitUse: 'mean',
  processorUse: 'mean',
  state: 'max',
};

const row = z.array(z.number().nullable());
const stretch = z.tuple([savedCount, savedCount, savedCount]);
const savedCounts = z.array(z.object({ stepMs: z.number(), stretches: z.array(stretch) }));
const savedBook = z.object({
  slo: z
    .object({
      histories: z.record(z.string(), savedCounts),
      counted: z.record(z.string(), z.tuple([savedCount, savedCount])),
      degradations: z
        .object({ histories: z.record(z.string(), savedCounts), since: z.record(z.string(), savedMoment) })
        .optional(),
    })
    .optional(),
  tiers: z.array(z.object({ stepMs: z.number(), rows: z.array(z.tuple([savedCount, row])) })),
  changes: z.array(
    z.object({
      id: savedCount,
      atMs: savedMoment,
      kind: z.enum(['configuration', 'process', 'backend', 'cap', 'cache', 'batch', 'lab', 'verdict', 'alert']),
      text: z.string(),
      who: z.string().nullable(),
    }),
  ),
  usualWork: z.record(z.string(), z.object({ meanMs: savedCount, weight: savedCount })),
});

interface SavedParts {
  readonly changes: readonly HostChange[];
  readonly usualWork: Readonly<Record<string, UsualWork>>;
  readonly slo?: SavedSlo | undefined;
}

/** The figures of the host over the last day, in memory and in a file that outlives control. */
export class HistoryBook {
  readonly #path: string;
  readonly #tiers = new Tiers(historyColumns.map((column) => folds[column]));

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes up what the previous control saved; a file of another shape counts as none. */
  load(): SavedParts {
    const saved = savedBook.safeParse(loadJson(this.#path)).data;
    if (saved === undefined) return { changes: [], usualWork: {}, slo: undefined };
    this.#tiers.restore(saved.tiers);
    return saved;
  }

  /** Throws the system's error. */
  save(changes: readonly HostChange[], usualWork: SavedParts['usualWork'], slo: SavedSlo | undefined): void {
    saveJson(this.#path, { tiers: this.#tiers.saved(), changes, usualWork, slo });
  }

  add({ atMs, numbers }: LiveView, { upstreams, machine }: HostSignals, state: number): void {
    const permits = upstreams.reduce((sum, upstream) => sum + upstream.permits, 0);
    const used = upstreams.reduce((sum, upstream) => sum + upstream.inFlight, 0);
    const values: Record<HistoryColumn, number | null> = {
      ...numbers,
      errorsPerSecond: numbers.errorShare * numbers.requestsPerSecond,
      permitUse: permits === 0 ? null : used / permits,
      processorUse: machine.busyShare ?? null,
      state,
    };
    this.#tiers.add(
      atMs,
      historyColumns.map((column) => values[column]),
    );
  }

  read(fromMs: number, toMs: number, maxPoints: number): Pick<HistoryView, 'stepMs' | 'fromMs' | 'columns'> {
    const { stepMs, fromMs: first, rows } = this.#tiers.read(fromMs, toMs, maxPoints);
    const column = (name: HistoryColumn, index: number): [HistoryColumn, (number | null)[]] => [
      name,
      rows.map((values) => values[index] ?? null),
    ];
    const columns = Object.fromEntries(historyColumns.map(column)) as Record<HistoryColumn, (number | null)[]>;
    return { stepMs, fromMs: first, columns };
  }
}
