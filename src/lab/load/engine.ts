import type { Clock } from '../../core/clock.ts';
import type { Mix } from './mix.ts';
import type { Requests } from './requests.ts';
import type { SenderReport } from './sender-watch.ts';

/** The target of a load, and its requests. */
export interface LoadTarget {
  readonly origin: string;
  readonly mix: Mix;
  /** Number of the first request: requests of other runs have other ones. */
  readonly firstNumber: number;
  /** Longest wait for a whole reply, from the intended start. */
  readonly timeoutMs: number;
  /** Whether the certificate of an https origin is left unverified; verified where it is missing. */
  readonly insecure?: boolean;
}

/** Requests that come when they come, whether or not those before have been answered. */
export interface OpenPlan {
  readonly kind: 'open';
  /** Milliseconds from the start, in order; see arrivalTimes. */
  readonly arrivals: Float64Array;
  readonly durationMs: number;
  /** Requests that may be under way in one process; an arrival beyond that is not sent, and counts as unsent. */
  readonly maxInFlight: number;
}

/** A number of users; each sends its next request after the reply to the last one and a delay. */
export interface ClosedPlan {
  readonly kind: 'closed';
  readonly connections: number;
  readonly cycleDelayMs: number;
  /** After it no request is begun; those under way are waited for. */
  readonly durationMs: number;
  /** When each of the users is there, as many as there are connections; all the time where it is missing. */
  readonly stays?: readonly Stay[];
  /** Whether who is refused waits as long as `Retry-After` asks, as a client that is well made does. */
  readonly waitsWhenRefused?: boolean;
}

/** The time of a user within the run, in milliseconds from the start of the run. */
export interface Stay {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LoadResult {
  /** Every request that was due; each has exactly one outcome. */
  readonly requests: Requests;
  readonly durationMs: number;
  readonly senders: readonly SenderReport[];
}

/** A way to offer load. Resolves when every request has its outcome; whatever the server does, it rejects only for bugs. */
export type Engine<Plan> = (target: LoadTarget, plan: Plan, clock: Clock) => Promise<LoadResult>;
