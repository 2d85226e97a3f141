import { START_MS } from '../experiments/step.ts';

/** What an ingest measures. */
export interface IngestAgenda {
  readonly rates: readonly number[];
  readonly workers: readonly number[];
  readonly batches: readonly number[];
  readonly queues: readonly number[];
  readonly holdMs: number;
  /** Items of a sustained run, and how many of these there are. */
  readonly items: number;
  readonly runs: number;
  readonly durabilities: readonly string[];
  readonly ledgerBatches: readonly number[];
}

/** Making the records to read, and waiting until PostgreSQL is at rest. */
const BESIDE_MS = 2500;
/** Killing the workers, and counting what is there once they are back. */
const RECOVERY_MS = 4000;
/** What a sustained run accepts at least, if it keeps its gate. */
const USUAL_PER_SECOND = 50_000;

/** How long the measurements of an ingest take, in their order: what varies, the sustained runs, the modes of the ledger. */
export function agendaOf(options: IngestAgenda): number[] {
  const { rates, workers, batches, queues, holdMs, items, runs, durabilities, ledgerBatches } = options;
  const pointMs = holdMs + BESIDE_MS;
  const ofWidest = rates.length + batches.length + queues.length;
  const widest = Math.max(...workers);
  const varied = workers.flatMap((count) => [
    ...(count === widest ? Array.from({ length: ofWidest }, () => pointMs) : []),
    START_MS + pointMs,
  ]);
  return [
    ...(rates.length === 0 ? [] : varied),
    ...Array.from({ length: runs }, () => START_MS + BESIDE_MS + (items * 1000) / USUAL_PER_SECOND),
    ...Array.from({ length: durabilities.length * ledgerBatches.length }, () => START_MS + holdMs + RECOVERY_MS),
  ];
}
