import type { Clock } from '../../core/clock.ts';
import { HedgeDelay } from '../../policy/retry/hedge-delay.ts';
import type { BackendSet } from './backend-set.ts';
import { type Outcome, outcomesForLoad } from './backend.ts';
import type { Permit } from './permit.ts';

/**
 * While too little is known of the class: how long a client must have waited before its leaving counts against the
 * backend.
 */
const UNKNOWN_PATIENCE_MS = 250;

/** Learns from the ends of attempts: the load of backends, which of them are outliers, and how long a class of requests takes. */
export class AttemptResults {
  readonly #backends: BackendSet;
  readonly #clock: Clock;
  readonly #classes = new Map<string, number>();
  readonly #hedgeDelays: HedgeDelay[] = [];

  constructor(backends: BackendSet, clock: Clock) {
    this.#backends = backends;
    this.#clock = clock;
  }

  /** The number of a class of requests that take equally long. */
  classOf(name: string): number {
    let known = this.#classes.get(name);
    if (known === undefined) {
      known = this.#classes.size;
      this.#classes.set(name, known);
    }
    return known;
  }

  /** The delay after which a second backend may be asked; undefined while too little is known. */
  hedgeAfterMs(routeClass: number): number | undefined {
    return this.#hedgeDelay(routeClass).afterMs;
  }

  /** Learns from an attempt that has ended. */
  ended(permit: Permit, outcome: Outcome): void {
    if (!permit.isStream) {
      this.learn(permit, this.#isBackendsFault(permit, outcome) ? 'timeout' : outcome);
      return;
    }
    // The head of a stream was counted as a success already; its client decides how long the stream lasts.
    if (outcome === 'failure' && permit.headAt === undefined)
      this.#backends.record(permit.backend, false, permit.startedAt);
  }

  learn(permit: Permit, outcome: Outcome): void {
    const now = this.#clock.now();
    const { backend, routeClass, startedAt, retryAfterMs } = permit;
    const latencyMs = (permit.headAt ?? now) - startedAt;
    backend.load.ended({ routeClass, latencyMs, startedAt, outcome: outcomesForLoad[outcome], now, retryAfterMs });
    if (outcome === 'success') this.#hedgeDelay(routeClass).sample(latencyMs);
    if (outcome === 'success' || outcome === 'failure' || outcome === 'timeout') {
      this.#backends.record(backend, outcome === 'success', startedAt);
    }
  }

  /** A client that gave up counts against the backend if the backend had not answered within its usual time. */
  #isBackendsFault({ routeClass, startedAt }: Permit, outcome: Outcome): boolean {
    if (outcome !== 'abandoned') return false;
    const usualMs = this.#hedgeDelay(routeClass).afterMs ?? UNKNOWN_PATIENCE_MS;
    return this.#clock.now() - startedAt > usualMs;
  }

  #hedgeDelay(routeClass: number): HedgeDelay {
    return (this.#hedgeDelays[routeClass] ??= new HedgeDelay());
  }
}
