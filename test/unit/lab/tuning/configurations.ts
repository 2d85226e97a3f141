import type { Configuration, Tunable } from '../../../../src/lab/tuning/configuration.ts';
import type { Evaluation } from '../../../../src/lab/tuning/frontier.ts';
import type { Merits } from '../../../../src/lab/tuning/merits.ts';

export const baseline: Configuration = {
  GENERATOR_INSTANCES: 2,
  GENERATOR_CONCURRENCY: 4,
  GATEWAY_WORKERS: 2,
  QUEUE_CAPACITY: 256,
  LEDGER_BATCH_SIZE: 200,
};

export const having = (changes: Partial<Record<Tunable, number>>): Configuration => ({ ...baseline, ...changes });

export const targets = { p99Ms: 300, maxFailedShare: 0.01 };

const MIB = 1024 ** 2;

export const merits = (throughputPerSecond: number, p99Ms: number, rssMib: number, failedShare = 0): Merits => ({
  throughputPerSecond,
  p99Ms,
  rssBytes: rssMib * MIB,
  failedShare,
});

/** A configuration of so many generators, and what was measured of it. */
export const measured = (instances: number, ...figures: Parameters<typeof merits>): Evaluation => ({
  configuration: having({ GENERATOR_INSTANCES: instances }),
  merits: merits(...figures),
});

export const instancesOf = (evaluations: readonly Evaluation[]): number[] =>
  evaluations.map(({ configuration }) => configuration.GENERATOR_INSTANCES);
