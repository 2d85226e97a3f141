import { inverse } from './linear.ts';
import { studentFactor } from './student-t.ts';

/**
 * Throughput at a concurrency, which is the measured mean number of requests in the system rather than the configured
 * one.
 */
export interface UslPoint {
  readonly concurrency: number;
  readonly throughput: number;
}

export interface UslFit {
  /** Contention: the part that is done one after the other. */
  readonly alpha: number;
  /** Coherence: what each costs every other. */
  readonly beta: number;
  /** Throughput with one request at a time. */
  readonly gamma: number;
  /** Half the width of the 95 % confidence interval of each; NaN with fewer than four points. */
  readonly margins: { readonly alpha: number; readonly beta: number; readonly gamma: number };
  /** Concurrency of the highest throughput, sqrt((1 - alpha) / beta); infinite without coherence cost. */
  readonly peakConcurrency: number;
  /** Share of the variance that the curve explains. */
  readonly rSquared: number;
}

export const MIN_USL_POINTS = 6;
const ITERATIONS = 500;
type Parameters = readonly [alpha: number, beta: number, gamma: number];

/**
 * The Universal Scalability Law (Gunther, "Guerrilla Capacity Planning", 2007), fitted by least squares:
 *     X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)),  0 <= alpha, beta <= 1, gamma >= 0
 * Levenberg and Marquardt's steps from alpha .01, beta .0001, gamma max(X/N), with each parameter held within its
 * bounds; the margins are t(n - 3) sqrt(diag((G'G)^-1) RSS / (n - 3)), G the gradient (as in R's package usl).
 * Undefined for fewer than three points. Below six, and beyond twice the largest measured N, it says little.
 */
export function fitUsl(points: readonly UslPoint[]): UslFit | undefined {
  const now = leastSquares(points);
  return now === undefined ? undefined : described(points, now);
}

/** The curve for a bootstrap, without the margins, which take most of the time. */
export function uslCurve(
  points: readonly UslPoint[],
): Pick<UslFit, 'alpha' | 'beta' | 'gamma' | 'peakConcurrency'> | undefined {
  const now = leastSquares(points);
  if (now === undefined) return undefined;
  const [alpha, beta, gamma] = now;
  return { alpha, beta, gamma, peakConcurrency: peakOf(now) };
}

function leastSquares(points: readonly UslPoint[]): Parameters | undefined {
  if (points.length < 3) return undefined;
  let now: Parameters = [
    0.01,
    0.0001,
    Math.max(...points.map(({ concurrency, throughput }) => throughput / concurrency)),
  ];
  let damping = 1e-3;
  for (let iteration = 0; iteration < ITERATIONS && damping < 1e12; iteration++) {
    const next = step(points, now, damping);
    if (next === undefined || squares(points, next) >= squares(points, now)) damping *= 4;
    else {
      now = next;
      damping = Math.max(damping / 4, 1e-12);
    }
  }
  return now;
}

const peakOf = ([alpha, beta]: Parameters): number =>
  beta > 0 ? Math.sqrt((1 - alpha) / beta) : Number.POSITIVE_INFINITY;

export function uslThroughput({ alpha, beta, gamma }: Pick<UslFit, 'alpha' | 'beta' | 'gamma'>, n: number): number {
  return (gamma * n) / (1 + alpha * (n - 1) + beta * n * (n - 1));
}

function step(points: readonly UslPoint[], now: Parameters, damping: number): Parameters | undefined {
  const { normal, slope } = equations(points, now);
  const damped = inverse(
    normal.map((row, index) => row.map((value, column) => (column === index ? value * (1 + damping) : value))),
  );
  if (damped === undefined) return undefined;
  const moved = now.map((value, index) =>
    damped[index]?.reduce((sum, factor, column) => sum + factor * (slope[column] as number), value),
  ) as [number, number, number];
  return [clamp(moved[0]), clamp(moved[1]), Math.max(0, moved[2])];
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

function equations(points: readonly UslPoint[], now: Parameters): { normal: number[][]; slope: number[] } {
  const normal = [0, 1, 2].map(() => [0, 0, 0]);
  const slope = [0, 0, 0];
  for (const { concurrency, throughput } of points) {
    const gradient = gradientAt(now, concurrency);
    const residual = throughput - valueAt(now, concurrency);
    for (const [row, left] of gradient.entries()) {
      slope[row] = (slope[row] as number) + left * residual;
      for (const [column, right] of gradient.entries()) {
        (normal[row] as number[])[column] = ((normal[row] as number[])[column] as number) + left * right;
      }
    }
  }
  return { normal, slope };
}

const valueAt = ([alpha, beta, gamma]: Parameters, n: number): number => uslThroughput({ alpha, beta, gamma }, n);

function gradientAt([alpha, beta, gamma]: Parameters, n: number): [number, number, number] {
  const divisor = 1 + alpha * (n - 1) + beta * n * (n - 1);
  const outer = (-gamma * n) / divisor ** 2;
  return [outer * (n - 1), outer * n * (n - 1), n / divisor];
}

function squares(points: readonly UslPoint[], now: Parameters): number {
  return points.reduce((sum, { concurrency, throughput }) => sum + (throughput - valueAt(now, concurrency)) ** 2, 0);
}

function described(points: readonly UslPoint[], now: Parameters): UslFit {
  const [alpha, beta, gamma] = now;
  const mean = points.reduce((sum, { throughput }) => sum + throughput, 0) / points.length;
  const total = points.reduce((sum, { throughput }) => sum + (throughput - mean) ** 2, 0);
  const freedom = points.length - 3;
  const covariance = freedom > 0 ? inverse(equations(points, now).normal) : undefined;
  const margin = (index: number): number =>
    covariance === undefined
      ? Number.NaN
      : studentFactor(freedom) *
        Math.sqrt(((covariance[index]?.[index] ?? Number.NaN) * squares(points, now)) / freedom);
  return {
    alpha,
    beta,
    gamma,
    margins: { alpha: margin(0), beta: margin(1), gamma: margin(2) },
    peakConcurrency: peakOf(now),
    rSquared: total === 0 ? 1 : 1 - squares(points, now) / total,
  };
}
