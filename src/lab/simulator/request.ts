import type { Place } from '../../policy/admission/request-queue.ts';

export const simulatedOutcomes = ['success', 'failed', 'refused', 'timeout'] as const;
/** `refused`: by a full queue, or after too long in it; `timeout`: past the deadline. */
export type SimulatedOutcome = (typeof simulatedOutcomes)[number];

/** A simulated request, from its arrival to its outcome. */
export interface SimulatedRequest {
  readonly number: number;
  readonly arrivedAt: number;
  readonly routeClass: number;
  /** Service time at speed 1; drawn on arrival, so that every balancer is given the same requests. */
  readonly workMs: number;
  /** The number of its worker. */
  readonly worker: number;
  /** The place of the request in the worker's queue. */
  queuePlace: Place<SimulatedRequest> | undefined;
  /** The number of its backend. */
  backend: number | undefined;
  startedAt: number;
  outcome: SimulatedOutcome | undefined;
  /** Where a backend has it. */
  place: 'none' | 'waiting' | 'served';
}
