import { sharedBounds, withBounds } from '../../metrics/rebucket.ts';
import type { FamilySnapshot, HistogramValue, Snapshot } from '../../metrics/instruments.ts';

/** Counters by their label values, joined by a line feed. */
export type ByLabels = ReadonlyMap<string, number>;

/** The metrics that the live view and the verdict read, summed over processes; see `readTotals`. */
export interface Totals {
  readonly numbers: ReadonlyMap<string, ByLabels>;
  readonly histograms: ReadonlyMap<string, ReadonlyMap<string, HistogramValue>>;
  /** Upper bounds of the histograms' buckets. */
  readonly bounds: readonly number[];
}

/** What is read of each process by itself. */
export const processFamilies: ReadonlySet<string> = new Set([
  'rampart_requests_total',
  'rampart_in_flight',
  'rampart_process_cpu_seconds_total',
  'rampart_process_resident_memory_bytes',
  'rampart_event_loop_delay_seconds',
  'rampart_client_connections',
]);

const hostFamilies: ReadonlySet<string> = new Set([
  'rampart_requests_total',
  'rampart_rejections_total',
  'rampart_in_flight',
  'rampart_latency_seconds',
  'rampart_queue_depth',
  'rampart_queue_standing',
  'rampart_permits',
  'rampart_streams',
  'rampart_ejected_backends',
  'rampart_backend_in_flight',
  'rampart_backend_requests_total',
  'rampart_backend_busy_seconds_total',
  'rampart_retries_total',
  'rampart_cache_requests_total',
  'rampart_db_pool_connections',
  'rampart_db_calls_total',
  'rampart_ledger_pending',
  'rampart_ledger_records_total',
  'rampart_process_cpu_seconds_total',
  'rampart_process_resident_memory_bytes',
  'rampart_event_loop_delay_seconds',
  'rampart_client_connections',
  'rampart_tls_certificate_not_after_seconds',
]);

/** Sums the metrics of these families; a snapshot of one process, or of all of them. */
export function readTotals(snapshots: Iterable<Snapshot>, families: ReadonlySet<string> = hostFamilies): Totals {
  const numbers = new Map<string, Map<string, number>>();
  const histograms = new Map<string, Map<string, OpenHistogram>>();
  const counted: FamilySnapshot[] = [];
  for (const snapshot of snapshots) {
    for (const family of snapshot) {
      if (!families.has(family.name)) continue;
      if (family.kind === 'histogram') counted.push(family);
      else addNumbers(ensured(numbers, family.name), family);
    }
  }
  const bounds = sharedBounds(counted) ?? counted[0]?.bounds ?? [];
  for (const family of counted) addHistograms(ensured(histograms, family.name), family, bounds);
  return { numbers, histograms, bounds };
}

function ensured<V>(families: Map<string, Map<string, V>>, name: string): Map<string, V> {
  const known = families.get(name);
  if (known !== undefined) return known;
  const made = new Map<string, V>();
  families.set(name, made);
  return made;
}

function addNumbers(into: Map<string, number>, { series, merge }: FamilySnapshot): void {
  for (const [labels, value] of series) {
    if (typeof value !== 'number') continue;
    const key = labels.join('\n');
    const before = into.get(key);
    if (before === undefined) into.set(key, value);
    else into.set(key, merge === 'max' ? Math.max(before, value) : before + value);
  }
}

/** A sum that is still being added to: with a new array for each addend, a thousand routes would cost too much. */
interface OpenHistogram {
  readonly counts: number[];
  sum: number;
}

function addHistograms(
  into: Map<string, OpenHistogram>,
  { series, bounds: own = [] }: FamilySnapshot,
  bounds: readonly number[],
): void {
  for (const [labels, counted] of series) {
    if (typeof counted === 'number') continue;
    const value = withBounds(counted, own, bounds);
    const key = labels.join('\n');
    const open = into.get(key);
    if (open === undefined) {
      into.set(key, { counts: [...value.counts], sum: value.sum });
      continue;
    }
    const { counts } = open;
    for (let index = 0; index < counts.length; index++)
      counts[index] = (counts[index] ?? 0) + (value.counts[index] ?? 0);
    open.sum += value.sum;
  }
}

/** `left + sign * right`, bucket by bucket. */
export const combined = (left: HistogramValue, right: HistogramValue, sign: 1 | -1): HistogramValue => ({
  counts: left.counts.map((count, index) => count + sign * (right.counts[index] ?? 0)),
  sum: left.sum + sign * right.sum,
});

/** The sum of the series whose labels begin with these. */
export function sumOf({ numbers }: Totals, name: string, ...first: readonly string[]): number {
  let sum = 0;
  const prefix = first.join('\n');
  for (const [key, value] of numbers.get(name) ?? []) {
    if (first.length === 0 || key === prefix || key.startsWith(`${prefix}\n`)) sum += value;
  }
  return sum;
}

/** The value of exactly these labels; 0 if there is none. */
export const valueOf = ({ numbers }: Totals, name: string, ...labels: readonly string[]): number =>
  numbers.get(name)?.get(labels.join('\n')) ?? 0;

/** The sums by the label at this position. */
export function sumsBy({ numbers }: Totals, name: string, position: number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [key, value] of numbers.get(name) ?? []) {
    const label = key.split('\n')[position] ?? '';
    sums.set(label, (sums.get(label) ?? 0) + value);
  }
  return sums;
}
