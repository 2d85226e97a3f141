import type { Random } from '../../core/random.ts';
import type { BackendLoad } from './backend-load.ts';

/** One backend, as a balancer sees it. */
export interface Candidate {
  /** Requests of this worker. */
  readonly inFlight: number;
  /** Permits that this worker holds for the backend. */
  readonly cap: number;
  readonly available: boolean;
  readonly load: BackendLoad;
}

/** The request for which a backend is chosen. */
export interface PickRequest<C> {
  readonly now: number;
  readonly random: Random;
  /** A small whole number from 0; routes whose requests cost about the same share a class. */
  readonly routeClass: number;
  /** The backend of a failed attempt, which is avoided if there is another one. */
  readonly excluded?: C | undefined;
}

/** Chooses among the backends of one upstream. */
export interface Balancer {
  /** An available candidate with a free permit, or undefined when there is none. */
  pick<C extends Candidate>(candidates: readonly C[], request: PickRequest<C>): C | undefined;
}

export function isEligible(candidate: Candidate): boolean {
  return candidate.available && candidate.inFlight < candidate.cap;
}

/** `excluded` if it can serve; used when no other backend could be chosen. */
export function lastResort<C extends Candidate>(candidates: readonly C[], excluded: C | undefined): C | undefined {
  return excluded !== undefined && isEligible(excluded) && candidates.includes(excluded) ? excluded : undefined;
}
