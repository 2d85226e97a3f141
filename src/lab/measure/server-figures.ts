import type { MetricSample } from '../system/metrics-text.ts';

export type Metrics = ReadonlyMap<string, readonly MetricSample[]>;

/** A phase in which requests of an endpoint waited, or were worked on. */
export interface PhaseFigures {
  readonly kind: 'wait' | 'exec';
  readonly endpoint: string;
  readonly phase: string;
  readonly count: number;
  readonly meanMs: number;
}

/** The server's own metrics of a step; requests of others count too, if others use the server meanwhile. */
export interface ServerFigures {
  readonly phases: readonly PhaseFigures[];
  readonly refusals: Readonly<Record<string, number>>;
  readonly cache: Readonly<Record<string, number>>;
  /** How attempts at backends ended. */
  readonly attempts: Readonly<Record<string, number>>;
  /** The most requests that were seen waiting at the same time. */
  readonly mostQueued: number;
  /** The worst second of the worst process of each role. */
  readonly eventLoopDelayP99Ms: Readonly<Record<string, number>>;
  /** The most connections in use or waited for, of all database pools. */
  readonly mostPoolBusy: number;
}

const poolBusy: ReadonlySet<string | undefined> = new Set(['busy', 'waiting']);

/** Metrics whose maximum counts, so that every sample is kept; of the others, the first and the last sample suffice. */
const gauges = ['rampart_queue_depth', 'rampart_db_pool_connections', 'rampart_event_loop_delay_seconds'] as const;

/** The part of a look that is kept if it is not the last: a long load has thousands. */
export const gaugesOf = (look: Metrics): Metrics => new Map(gauges.map((name) => [name, look.get(name) ?? []]));

/** Counters from their difference, gauges from the most that was seen. `during` has the last look too. */
export function serverFigures(before: Metrics, during: readonly Metrics[]): ServerFigures {
  const after = during.at(-1) ?? before;
  const most = (metric: string, isCounted: (sample: MetricSample) => boolean = () => true): number =>
    Math.max(0, ...during.map((each) => sum((each.get(metric) ?? []).filter(isCounted))));
  return {
    phases: [...phases('wait', before, after), ...phases('exec', before, after)],
    refusals: grown('rampart_rejections_total', 'reason', before, after),
    cache: grown('rampart_cache_requests_total', 'result', before, after),
    attempts: grown('rampart_backend_requests_total', 'outcome', before, after),
    mostQueued: most('rampart_queue_depth'),
    eventLoopDelayP99Ms: eventLoopDelays(during),
    mostPoolBusy: most('rampart_db_pool_connections', ({ labels }) => poolBusy.has(labels['state'])),
  };
}

function phases(kind: PhaseFigures['kind'], before: Metrics, after: Metrics): PhaseFigures[] {
  const sums = after.get(`rampart_${kind}_seconds_sum`) ?? [];
  return sums.flatMap(({ labels, value }) => {
    const { endpoint = '', phase = '' } = labels;
    const count =
      valueOf(after, `rampart_${kind}_seconds_count`, labels) -
      valueOf(before, `rampart_${kind}_seconds_count`, labels);
    if (count <= 0) return [];
    const seconds = value - valueOf(before, `rampart_${kind}_seconds_sum`, labels);
    return [{ kind, endpoint, phase, count, meanMs: (seconds * 1000) / count }];
  });
}

/** The growth of a counter for each value of a label; values without growth are left out. */
function grown(metric: string, label: string, before: Metrics, after: Metrics): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { labels, value } of after.get(metric) ?? []) {
    const growth = value - valueOf(before, metric, labels);
    const name = labels[label] ?? '';
    if (growth > 0) found[name] = (found[name] ?? 0) + growth;
  }
  return found;
}

function eventLoopDelays(looks: readonly Metrics[]): Record<string, number> {
  const worst: Record<string, number> = {};
  for (const look of looks) {
    for (const { labels, value } of look.get('rampart_event_loop_delay_seconds') ?? []) {
      const { role = '', quantile } = labels;
      if (quantile === '0.99') worst[role] = Math.max(worst[role] ?? 0, value * 1000);
    }
  }
  return worst;
}

const sum = (samples: readonly MetricSample[]): number => samples.reduce((total, { value }) => total + value, 0);

function valueOf(metrics: Metrics, metric: string, labels: MetricSample['labels']): number {
  const names = Object.keys(labels);
  const found = metrics.get(metric)?.find((sample) => names.every((name) => sample.labels[name] === labels[name]));
  return found?.value ?? 0;
}
