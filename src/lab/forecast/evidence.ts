import type { Distribution } from '../measure/latency.ts';
import type { RunRecord } from '../report/run-record.ts';
import { median } from '../statistics/quantile.ts';
import type { UslPoint } from '../statistics/usl.ts';

/** The figures of one load, or of one window of a running system. */
export interface Evidence extends UslPoint {
  /** Time of a request at its backend. */
  readonly serviceMs: number;
  readonly variability: number;
  /** A request's time beside wait and service, on average. */
  readonly overheadMs: number;
  /** The judged quantile of the service time. */
  readonly serviceQuantileMs: number;
  /** The judged quantile of the whole time, over its mean. */
  readonly tail: number;
}

/** The measurements that a forecast is made from. */
export interface ForecastSource {
  readonly name: string;
  readonly evidence: readonly Evidence[];
  /** Generators of the measured host, and slots of each; undefined where the source does not tell. */
  readonly generators: number | undefined;
  readonly slots: number | undefined;
  /** Whether its loads are a curve, from which the capacity of a host can be told. */
  readonly isCurve: boolean;
}

export type JudgedQuantile = 'p95' | 'p99';

/** The evidence of the first series of a run whose replies tell their times; a string says why there is none. */
export function evidenceOf(run: RunRecord, quantile: JudgedQuantile): ForecastSource | string {
  if (run.verdict === 'invalid') return `${run.id} is invalid: ${run.reasons[0] ?? 'it was not measured soundly'}`;
  for (const { name, settings, steps } of run.series) {
    const evidence = steps.flatMap(({ figures, concurrency }): Evidence[] => {
      const { latency, wait, exec, throughputPerSecond } = figures;
      if (!(exec.meanMs > 0) || !(throughputPerSecond > 0) || !(concurrency > 0)) return [];
      return [
        {
          concurrency,
          throughput: throughputPerSecond,
          serviceMs: exec.meanMs,
          variability: variabilityOf(exec),
          overheadMs: Math.max(0, latency.meanMs - wait.meanMs - exec.meanMs),
          serviceQuantileMs: exec[`${quantile}Ms`],
          tail: latency[`${quantile}Ms`] / latency.meanMs,
        },
      ];
    });
    if (evidence.length === 0) continue;
    return {
      name: `${run.id}, ${name}`,
      evidence,
      generators: wholeOf(settings['GENERATOR_INSTANCES']),
      slots: wholeOf(settings['GENERATOR_CONCURRENCY']),
      isCurve: new Set(evidence.map(({ throughput }) => Math.round(throughput))).size >= LEAST_LOADS,
    };
  }
  return `${run.id} does not tell how long requests were at their backends: its replies have no Server-Timing`;
}

/** Fewer loads are no curve. */
const LEAST_LOADS = 4;

const wholeOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;

/** Variance over the squared mean of a law whose quantile function is drawn straight between these quantiles. */
export function variabilityOf({ meanMs, p50Ms, p90Ms, p95Ms, p99Ms, p999Ms }: Distribution): number {
  const points = [
    [0, Math.max(0, 2 * p50Ms - p95Ms)],
    [0.5, p50Ms],
    [0.9, p90Ms],
    [0.95, p95Ms],
    [0.99, p99Ms],
    [0.999, p999Ms],
  ] as const;
  let variance = 0;
  for (const [index, [share, high]] of points.entries()) {
    const [before, low] = points[index - 1] ?? points[0];
    const [a, b] = [low - meanMs, high - meanMs];
    // The mean of a square over a straight line.
    variance += ((share - before) * (a * a + a * b + b * b)) / 3;
  }
  return Math.min(MOST_VARIABILITY, Math.max(0, variance / meanMs ** 2));
}

const MOST_VARIABILITY = 25;

/** The medians over several loads. */
export function summaryOf(evidence: readonly Evidence[]): Omit<Evidence, 'concurrency' | 'throughput'> {
  const middle = (of: (each: Evidence) => number): number => median(evidence.map(of));
  return {
    serviceMs: middle(({ serviceMs }) => serviceMs),
    variability: middle(({ variability }) => variability),
    overheadMs: middle(({ overheadMs }) => overheadMs),
    serviceQuantileMs: middle(({ serviceQuantileMs }) => serviceQuantileMs),
    tail: middle(({ tail }) => tail),
  };
}
