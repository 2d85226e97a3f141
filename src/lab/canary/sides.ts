import type { MetricSample } from '../system/metrics-text.ts';

type Metrics = ReadonlyMap<string, readonly MetricSample[]>;

/** The requests of one side of a route within a window. */
export interface SideWindow {
  readonly requests: number;
  /** Replies with a 5xx, and requests whose backend failed. */
  readonly failed: number;
  /** NaN without requests. */
  readonly p95Ms: number;
}

/** The same window of the canary, and of all other sides of its route together. */
export interface CanaryWindow {
  readonly canary: SideWindow;
  readonly rest: SideWindow;
}

const REQUESTS = 'rampart_side_requests_total';
const BUCKETS = 'rampart_side_latency_seconds_bucket';

/** The upstreams that share the requests of an endpoint, by endpoint. */
export function sidesIn(metrics: Metrics): Map<string, Set<string>> {
  const sides = new Map<string, Set<string>>();
  for (const { labels } of metrics.get(REQUESTS) ?? []) {
    const { endpoint = '', upstream = '' } = labels;
    sides.set(endpoint, (sides.get(endpoint) ?? new Set()).add(upstream));
  }
  return sides;
}

/** The requests of both sides between two reads of the metrics. */
export function windowOf(before: Metrics, after: Metrics, endpoint: string, canary: string): CanaryWindow {
  const side = (isSide: (upstream: string | undefined) => boolean): SideWindow => {
    const isIts = ({ labels }: MetricSample): boolean => labels['endpoint'] === endpoint && isSide(labels['upstream']);
    const grown = growthOf(before.get(REQUESTS) ?? [], after.get(REQUESTS) ?? [], isIts, 'status');
    const buckets = growthOf(before.get(BUCKETS) ?? [], after.get(BUCKETS) ?? [], isIts, 'le');
    let [requests, failed] = [0, 0];
    for (const [status, count] of grown) {
      requests += count;
      if (status.startsWith('5')) failed += count;
    }
    return { requests, failed, p95Ms: quantileOf(buckets, 0.95) * 1000 };
  };
  return { canary: side((upstream) => upstream === canary), rest: side((upstream) => upstream !== canary) };
}

/** The growth of the samples that `counts` accepts, by the value of a label. A counter that was reset counts from zero. */
function growthOf(
  before: readonly MetricSample[],
  after: readonly MetricSample[],
  counts: (sample: MetricSample) => boolean,
  by: string,
): Map<string, number> {
  const keyOf = ({ labels }: MetricSample): string => JSON.stringify(Object.entries(labels).toSorted());
  const known = new Map(before.filter(counts).map((sample) => [keyOf(sample), sample.value]));
  const growth = new Map<string, number>();
  for (const sample of after.filter(counts)) {
    const was = known.get(keyOf(sample)) ?? 0;
    const label = sample.labels[by] ?? '';
    growth.set(label, (growth.get(label) ?? 0) + (sample.value >= was ? sample.value - was : sample.value));
  }
  return growth;
}

/** A quantile by linear interpolation within its bucket, as `histogram_quantile` of Prometheus does; NaN without values. */
function quantileOf(cumulative: ReadonlyMap<string, number>, share: number): number {
  const bounds = [...cumulative]
    .map(([le, count]) => ({ le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count }))
    .toSorted((one, other) => one.le - other.le);
  const all = bounds.at(-1)?.count ?? 0;
  if (all === 0) return Number.NaN;
  const rank = share * all;
  let [from, below] = [0, 0];
  for (const { le, count } of bounds) {
    // The last bucket has no upper bound, so its lower bound is the best estimate.
    if (le === Number.POSITIVE_INFINITY) return from;
    if (count >= rank) return from + ((le - from) * (rank - below)) / (count - below);
    [from, below] = [le, count];
  }
  return from;
}
