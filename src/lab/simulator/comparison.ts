import type { BalancerName } from '../../policy/balance/balancer.ts';
import type { Result } from './measurements.ts';
import type { Scenario } from './scenario.ts';
import { simulateFleet } from './simulate.ts';

export interface BalancerComparison {
  readonly scenario: Scenario;
  readonly balancers: readonly BalancerName[];
  /** Arrivals as shares of the capacity. */
  readonly loads: readonly number[];
  readonly requests: number;
  readonly seed: number;
}

/** A run of a comparison. */
export interface Row {
  readonly load: number;
  readonly balancer: BalancerName;
  readonly result: Result;
}

/** Runs every balancer under every load, each with the same arrivals, work and failures. */
export function compareBalancers({ scenario, balancers, loads, requests, seed }: BalancerComparison): Row[] {
  return loads.flatMap((load) =>
    balancers.map((balancer) => ({
      load,
      balancer,
      result: simulateFleet({ scenario, balancer, load, requests, seed }),
    })),
  );
}
