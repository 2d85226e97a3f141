import { kneedle } from '../statistics/kneedle.ts';
import type { Step } from './step.ts';

/** One load of a series of growing ones. */
export interface LoadPoint {
  readonly load: number;
  readonly throughput: number;
  readonly meanMs: number;
  /** p95 or p99. */
  readonly tailMs: number;
}

/** The load above which more load does not pay, by four definitions; undefined where a definition finds none. */
export interface Knee {
  /** Where throughput levels off (Kneedle, concave). */
  readonly throughput: number | undefined;
  /** Where p95 or p99 takes off (Kneedle, convex). */
  readonly latency: number | undefined;
  /** Where throughput over mean latency is highest (Kleinrock's power). */
  readonly power: number | undefined;
  /** The last load within the latency target, where a higher one is beyond it. */
  readonly target: number | undefined;
  /** The middle of them, where they agree to a fifth; else there is no sharp knee. */
  readonly load: number | undefined;
}

const AGREE = 1.2;
const MIN_POINTS = 4;

/** `points` in the order of their loads; those without a success say nothing. */
export function findKnee(points: readonly LoadPoint[], targetMs: number): Knee {
  const told = points.filter(({ throughput, tailMs }) => throughput > 0 && Number.isFinite(tailMs));
  if (told.length < MIN_POINTS)
    return { throughput: undefined, latency: undefined, power: undefined, target: undefined, load: undefined };
  const x = told.map(({ load }) => load);
  // A knee at the highest load may lie beyond it.
  const within = (load: number | undefined): number | undefined => (load === x.at(-1) ? undefined : load);
  const throughput = within(kneedle({ x, y: told.map((point) => point.throughput), shape: 'concave' }));
  const latency = within(kneedle({ x, y: told.map(({ tailMs }) => tailMs), shape: 'convex' }));
  const power = within(told.reduce((best, point) => (powerOf(point) > powerOf(best) ? point : best)).load);
  const beyond = told.findIndex(({ tailMs }) => tailMs > targetMs);
  const target = beyond > 0 ? told[beyond - 1]?.load : undefined;
  return { throughput, latency, power, target, load: agreed([throughput, latency, power, target]) };
}

const powerOf = ({ throughput, meanMs }: LoadPoint): number => throughput / meanMs;

/** Two at least must say something. */
function agreed(estimates: readonly (number | undefined)[]): number | undefined {
  const said = estimates.filter((estimate) => estimate !== undefined).sort((left, right) => left - right);
  const [least, most] = [said[0], said.at(-1)];
  if (said.length < 2 || least === undefined || most === undefined || most > AGREE * least) return undefined;
  return said[said.length >> 1];
}

/** The latency that is judged: p95 or p99, whichever has a target. */
export type KneeTarget = { readonly p95Ms: number } | { readonly p99Ms: number };

export function kneeOf(steps: readonly Step[], target: KneeTarget): Knee {
  const [quantile, targetMs] =
    'p95Ms' in target ? (['p95Ms', target.p95Ms] as const) : (['p99Ms', target.p99Ms] as const);
  const points = steps.map(({ load, figures }) => ({
    load: load.amount,
    throughput: figures.throughputPerSecond,
    meanMs: figures.latency.meanMs,
    tailMs: figures.latency[quantile],
  }));
  return findKnee(points, targetMs);
}

/** A sentence for reports; undefined if no definition finds a knee. */
export function describeKnee(knee: Knee, unit: string): string | undefined {
  const named = [
    ['throughput levels off at', knee.throughput],
    ['latency takes off at', knee.latency],
    ['throughput over latency is highest at', knee.power],
    ['the latency target holds up to', knee.target],
  ] as const;
  const said = named.flatMap(([words, load]) => (load === undefined ? [] : [`${words} ${Math.round(load)}`]));
  if (said.length === 0) return undefined;
  const verdict = knee.load === undefined ? 'No sharp knee' : `Knee at ${Math.round(knee.load)} ${unit}`;
  return `${verdict}: ${said.join(', ')}.`;
}
