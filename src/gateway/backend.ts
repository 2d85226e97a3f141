import { Pool } from 'undici';
import type { BackendConfig } from '../config/config.ts';
import type { Counter, Gauge } from '../metrics/instruments.ts';
import type { Candidate } from '../policy/balance/balancer.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';

/** How an attempt ended, for the metrics and for the backend's standing. */
export type Outcome = 'success' | 'failure' | 'refused' | 'timeout' | 'aborted';

export interface BackendTimeouts {
  readonly connectMs: number;
  /** Longest silence within a reply's body. */
  readonly bodyMs: number;
}

/** After a failed connection the backend is left alone for this long, then tried again: the check by control is slower. */
const SUSPENSION_MS = 250;
/** The generators keep a connection open for longer, so that it is always this side that closes an idle one. */
const IDLE_TIMEOUT_MS = 60_000;

/** One backend as this worker sees it: its connections, its permits, its standing. */
export class Backend implements Omit<Candidate, 'load'> {
  readonly id: string;
  readonly origin: string;
  readonly pool: Pool;
  inFlight = 0;
  /** Permits that this worker holds. */
  cap: number;
  /** What the health checks say; true until they have spoken, as a worker must serve without control. */
  healthy = true;
  #suspendedUntil = 0;
  #now: () => number;
  readonly #gauge: Gauge;
  readonly #outcomes: Record<Outcome, Counter>;

  constructor(
    config: BackendConfig,
    options: { cap: number; upstream: string; timeouts: BackendTimeouts; metrics: GatewayMetrics; now: () => number },
  ) {
    this.id = config.id;
    this.origin = config.origin;
    this.cap = options.cap;
    this.#now = options.now;
    const { connectMs, bodyMs } = options.timeouts;
    // No limit on connections: permits are the limit, and a pool that is full would queue out of sight.
    this.pool = new Pool(config.origin, {
      connections: null,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      keepAliveMaxTimeout: IDLE_TIMEOUT_MS,
      headersTimeout: 0,
      bodyTimeout: bodyMs,
      connect: { timeout: connectMs },
    });
    this.#gauge = options.metrics.backendInFlight.of(options.upstream, config.id);
    const count = (outcome: Outcome): Counter =>
      options.metrics.backendRequests.of(options.upstream, config.id, outcome);
    this.#outcomes = {
      success: count('success'),
      failure: count('failure'),
      refused: count('refused'),
      timeout: count('timeout'),
      aborted: count('aborted'),
    };
  }

  get available(): boolean {
    return this.healthy && this.#now() >= this.#suspendedUntil;
  }

  /** Milliseconds until a suspension ends; 0 when there is none. */
  get suspendedForMs(): number {
    return Math.max(0, this.#suspendedUntil - this.#now());
  }

  /** Takes one request in flight. The permit gives it back, once, whatever happens. */
  take(onRelease: () => void): Permit {
    this.inFlight++;
    this.#gauge.value++;
    return new Permit(this, onRelease);
  }

  giveBack(outcome: Outcome): void {
    this.inFlight--;
    this.#gauge.value--;
    this.#outcomes[outcome].value++;
  }

  /** No connection could be made: others come first for a while. */
  suspend(): void {
    this.#suspendedUntil = this.#now() + SUSPENSION_MS;
  }
}

/** The right to have one request in flight at one backend, held until the last body byte. */
export class Permit {
  readonly backend: Backend;
  readonly #onRelease: () => void;
  #released = false;

  constructor(backend: Backend, onRelease: () => void) {
    this.backend = backend;
    this.#onRelease = onRelease;
  }

  release(outcome: Outcome): void {
    if (this.#released) return;
    this.#released = true;
    this.backend.giveBack(outcome);
    this.#onRelease();
  }
}
