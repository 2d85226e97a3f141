import type { Clock } from '../../core/clock.ts';
import { type Metrics, serverFigures } from '../measure/server-figures.ts';
import type { AdminTarget } from '../system/admin-api.ts';
import { readMetrics } from '../system/read-metrics.ts';
import type { Evidence, ForecastSource, JudgedQuantile } from './evidence.ts';

const LOOK_MS = 1000;
/** Quantiles of an exponential law in means, because metrics have only the mean of the service times. */
const EXPONENTIAL: Readonly<Record<JudgedQuantile, number>> = { p95: Math.log(20), p99: Math.log(100) };

/** Watches the metrics of a Rampart that runs, a window a second. Rejects if they cannot be read, or if there are no requests. */
export async function liveEvidence(
  admin: AdminTarget,
  { seconds, quantile, clock }: { readonly seconds: number; readonly quantile: JudgedQuantile; readonly clock: Clock },
): Promise<ForecastSource> {
  const evidence: Evidence[] = [];
  let before = { at: clock.now(), metrics: await readMetrics(admin) };
  for (let window = 0; window < seconds; window++) {
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, LOOK_MS));
    const after = { at: clock.now(), metrics: await readMetrics(admin) };
    evidence.push(...windowEvidence(before.metrics, after.metrics, after.at - before.at, quantile));
    before = after;
  }
  if (evidence.length === 0)
    throw new Error(`Cannot forecast from ${admin.url}: no request came to a backend within ${seconds} s`);
  return { name: admin.url, evidence, generators: undefined, slots: undefined, isCurve: false };
}

/** The evidence of one window; empty if it has no requests. */
export function windowEvidence(
  before: Metrics,
  after: Metrics,
  elapsedMs: number,
  quantile: JudgedQuantile,
): Evidence[] {
  const phases = serverFigures(before, [after]).phases.filter(
    ({ kind, phase }) => kind === 'exec' && phase === 'upstream',
  );
  const count = phases.reduce((sum, phase) => sum + phase.count, 0);
  if (count === 0) return [];
  const serviceMs = phases.reduce((sum, phase) => sum + phase.count * phase.meanMs, 0) / count;
  const throughput = (1000 * count) / elapsedMs;
  return [
    {
      throughput,
      concurrency: (throughput * serviceMs) / 1000,
      serviceMs,
      variability: 1,
      overheadMs: 0,
      serviceQuantileMs: EXPONENTIAL[quantile] * serviceMs,
      tail: EXPONENTIAL[quantile],
    },
  ];
}
