import type { Balancer } from './candidate.ts';
import { expectedLatencyScore } from './expected-latency-score.ts';
import { inFlightScore } from './in-flight-score.ts';
import { LeastOfSample } from './least-of-sample.ts';
import { peakEwmaScore } from './peak-ewma-score.ts';
import { PowerOfTwo } from './power-of-two.ts';
import { Prequal } from './prequal.ts';
import { RoundRobin } from './round-robin.ts';

export type { Balancer, Candidate, PickRequest } from './candidate.ts';

export const balancerNames = [
  'expected-latency',
  'prequal',
  'peak-ewma',
  'random-two',
  'least-in-flight',
  'round-robin',
] as const;

export type BalancerName = (typeof balancerNames)[number];

/** The balancer of an upstream that names none; docs/balancing.md has the figures. */
export const defaultBalancer: BalancerName = 'expected-latency';

/** Two are enough against herding; more find fast and idle backends more often. Prequal uses the same number. */
const SAMPLE = 16;

const makers: Readonly<Record<BalancerName, () => Balancer>> = {
  'expected-latency': () => new LeastOfSample(expectedLatencyScore, SAMPLE),
  prequal: () => new Prequal(),
  'peak-ewma': () => new PowerOfTwo(peakEwmaScore),
  'random-two': () => new PowerOfTwo(inFlightScore),
  'least-in-flight': () => new LeastOfSample(inFlightScore, Number.POSITIVE_INFINITY),
  'round-robin': () => new RoundRobin(),
};

/** A balancer for one upstream of one worker. It is not shared, because some balancers keep a position or a buffer. */
export function createBalancer(name: BalancerName): Balancer {
  return makers[name]();
}
