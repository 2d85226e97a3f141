/** Control grants permits: the worker may hold this many of each backend of the upstream. */
export interface LeaseGrant {
  readonly kind: 'grant';
  readonly number: number;
  readonly permits: readonly number[];
  /** The permits that the worker falls back to while control is unavailable. */
  readonly fallback: readonly number[];
}

/**
 * How much a worker keeps when it is asked to give back. `spare`: work waits at another worker. An idle worker gives
 * all unused permits, a busy one half of them, and one with waiting work none. `share`: work waits at a worker with
 * less than its share. The worker also gives the permits above the limits, even if they are in use. `level`: no work
 * waits. It gives the permits above both the limits and its use. `limit`: the cap was lowered. It gives the permits
 * above the limits.
 */
export type RecallMode = 'spare' | 'share' | 'level' | 'limit';

/** Control asks for permits back. */
export interface LeaseRecall {
  readonly kind: 'recall';
  readonly number: number;
  readonly mode: RecallMode;
  readonly limits: readonly number[];
  /** 1 for backends whose unused permits go back, all of them, whatever the mode; an earlier version of Rampart goes by the mode. */
  readonly only?: readonly number[];
}

export type LeaseOrder = LeaseGrant | LeaseRecall;

/** The worker reports the permits that it holds, as the answer to a recall or as a call for more. */
export interface LeaseReport {
  /** The last order that it has carried out. */
  readonly seen: number;
  /** Permits of each backend that are in use or may be used without asking. */
  readonly held: readonly number[];
  /** Requests that wait for a permit, and how many of them are bulk. */
  readonly queued: number;
  readonly bulk?: number;
  /** Of those that wait: bulk requests that could not use a permit now, because the others are reserved. */
  readonly blocked?: number;
  /** Requests that wait for a permit of a certain backend, by backend, beside those in `queued`. */
  readonly wanted?: readonly number[];
  /** Requests in flight at all backends, and at each; an earlier version of Rampart does not tell the second. */
  readonly inFlight?: number;
  readonly used?: readonly number[];
  /** Requests that have ended since the worker started, and their time in flight: the input of the adaptive limit. */
  readonly ended?: number;
  readonly busyMs?: number;
}

/** The load of the other workers at an upstream, so that the queues of all workers count as one. */
export interface HostLoad {
  /** Permits of all workers at the backends that are up. */
  readonly permits: number;
  readonly workers: number;
  /** Requests that wait at the other workers, and how many of them are bulk. */
  readonly queued: number;
  readonly bulk: number;
  /** Requests of the other workers in flight. */
  readonly inFlight: number;
}
