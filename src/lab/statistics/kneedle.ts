export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Concave: throughput that levels off. Convex: latency that takes off. Both grow. */
  readonly shape: 'concave' | 'convex';
}

/**
 * The knee of a growing curve, by Kneedle (Satopaa, Albrecht, Irwin and Raghavan 2011; as in the package kneed).
 * x and y are brought to [0, 1], a convex curve is turned about, and d = y - x taken. A local maximum of d is the knee
 * once d falls below d_max - sensitivity mean(dx), before a local minimum resets the threshold to 0. Undefined where
 * it never does. It says little with fewer than eight points, and moves as a sweep is extended: see knee.ts.
 */
export function kneedle({ x, y, shape }: Curve, sensitivity = 1): number | undefined {
  if (x.length < 3) return undefined;
  const xs = normalised(shape === 'convex' ? x.map((value) => -value).toReversed() : x);
  const ys = normalised(shape === 'convex' ? y.map((value) => -value).toReversed() : y);
  const difference = ys.map((value, index) => value - (xs[index] as number));
  const found = firstKnee(difference, sensitivity / (xs.length - 1));
  return found === undefined ? undefined : x[shape === 'convex' ? x.length - 1 - found : found];
}

function normalised(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.map((value) => (most === least ? 0 : (value - least) / (most - least)));
}

/** `fall`: what d must lose; the mean step of x, which is brought to [0, 1], is 1 / (n - 1). */
function firstKnee(d: readonly number[], fall: number): number | undefined {
  let candidate: number | undefined;
  let threshold = 0;
  for (let index = 0; index < d.length - 1; index++) {
    const [before, here, after] = [d[index - 1] ?? (d[index] as number), d[index] as number, d[index + 1] as number];
    if (here >= before && here >= after) {
      candidate = index;
      threshold = here - fall;
    }
    if (here <= before && here <= after) threshold = 0;
    if (candidate !== undefined && after < threshold) return candidate;
  }
  return undefined;
}
