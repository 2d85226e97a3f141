/** The figures by which a configuration is judged. */
export interface Merits {
  readonly throughputPerSecond: number;
  /** Infinite where no request succeeded. */
  readonly p99Ms: number;
  /** The memory of all processes together; 0 if they cannot be watched, for every configuration then. */
  readonly rssBytes: number;
  /** Errors and refusals, as a share of requests. */
  readonly failedShare: number;
}

/** The targets that a configuration must keep to be chosen. */
export interface TuneTargets {
  readonly p99Ms: number;
  readonly maxFailedShare: number;
}

export interface TuningObjective {
  readonly name: 'throughput' | 'RSS' | 'p99';
  readonly better: 'more' | 'less';
  /** Differences up to this share are within the noise between two runs, or do not matter. */
  readonly within: number;
  readonly valueOf: (merits: Merits) => number;
}

/** In the order in which they decide: a p99 within its target needs no improvement at the cost of memory. */
export const objectives: readonly TuningObjective[] = [
  { name: 'throughput', better: 'more', within: 0.03, valueOf: (merits) => merits.throughputPerSecond },
  { name: 'RSS', better: 'less', within: 0.05, valueOf: (merits) => merits.rssBytes },
  { name: 'p99', better: 'less', within: 0.05, valueOf: (merits) => merits.p99Ms },
];

/** Above 1, the targets are missed, by this factor. */
export function excess({ p99Ms, failedShare }: Merits, targets: TuneTargets): number {
  const failed = failedShare <= targets.maxFailedShare ? 0 : failedShare / Math.max(1e-6, targets.maxFailedShare);
  return Math.max(p99Ms / targets.p99Ms, failed);
}

export const meets = (merits: Merits, targets: TuneTargets): boolean => excess(merits, targets) <= 1;

export const describeTuneTargets = ({ p99Ms, maxFailedShare }: TuneTargets): string =>
  `p99 at most ${p99Ms} ms, errors and refusals at most ${maxFailedShare * 100} %`;
