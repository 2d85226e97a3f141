import type { FleetBook } from '../../../policy/fleet/fleet-book.ts';

/** A fleet of hosts that share one backend, and its network. Times in milliseconds. */
export interface FleetPlan {
  readonly hosts: number;
  /** Of each host. They report their use to control in turns. */
  readonly workers: number;
  /** Requests a second of all hosts together. */
  readonly rate: number;
  /** Requests in flight at the backend from all hosts together. */
  readonly cap: number;
  readonly meanServiceMs: number;
  /** The part of the cap that hosts keep while they are cut off. */
  readonly floor: number;
  readonly queueTimeoutMs: number;
  readonly quarantineMs: number;
  /** Mean time of a message to the Valkey or back. */
  readonly delayMs: number;
  /** Time that the Valkey works on a call. */
  readonly callMs: number;
  readonly seed: number;
  /** A book in place of production's, with a defect that a figure must show. */
  readonly newBook?: () => Pick<FleetBook, 'renew'>;
}

/** Requests a second of a host by default: 10^6 over 625 hosts. */
const RATE_OF_HOST = 1600;
/** The cap by default, as a part of what all hosts would have in flight without one. */
const CAP_SHARE = 0.8;
export const MEAN_SERVICE_MS = 20;

/** A plan with everything that is not named. */
export function fleetPlan(given: Partial<FleetPlan> = {}): FleetPlan {
  const { hosts = 625, meanServiceMs = MEAN_SERVICE_MS } = given;
  const { rate = hosts * RATE_OF_HOST } = given;
  return {
    hosts,
    workers: 16,
    rate,
    cap: Math.max(1, Math.round((CAP_SHARE * rate * meanServiceMs) / 1000)),
    meanServiceMs,
    floor: 0.5,
    queueTimeoutMs: 500,
    quarantineMs: 1000,
    delayMs: 0.5,
    callMs: 0.1,
    seed: 1,
    ...given,
  };
}
