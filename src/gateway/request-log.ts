import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from './exchange.ts';
import { hundredths } from './http/hundredths.ts';
import { SLOW_MS, slowMs } from './request-times.ts';

/**
 * Lines a second for slow and failed requests. Under overload every request could cause a line, and the writing itself
 * would be the load.
 */
const MAX_LINES_PER_SECOND = 20;
/** Of one backend's own errors: one line shows what is wrong, and another backend's errors must not be crowded out. */
const BACKEND_ERROR_MS = 1000;
/** Backends of which errors are remembered; more than a host has. */
const MAX_BACKENDS = 1000;

/** The errors of a backend that were not logged. */
interface BackendErrors {
  loggedAt: number;
  suppressed: number;
}

/**
 * Writes one line for each request that was slow or failed, and for a backend's own 5xx, within a rate; for every request
 * at level `debug`.
 */
export class RequestLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #backends = new Map<string, BackendErrors>();
  #second = 0;
  #lines = 0;
  #suppressed = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `status` 499: the client left. */
  write(x: Exchange, status: number, elapsedMs: number): void {
    const failed = x.failure !== undefined && x.failure !== 'client-closed';
    const isSlow = slowMs(x, elapsedMs) > SLOW_MS;
    const isBackends = status >= 500 && x.failure === undefined && x.refusal === undefined && x.backend !== '';
    if ((failed || isSlow || isBackends) && this.#log.isLevelEnabled('warn')) {
      if (isBackends) this.#writeBackendError(x, status, elapsedMs);
      else if (this.#admit())
        this.#log.warn(requestFields(x, status, elapsedMs), failed ? 'failed request' : 'slow request');
    } else if (this.#log.isLevelEnabled('debug')) this.#log.debug(requestFields(x, status, elapsedMs), 'request');
  }

  #writeBackendError(x: Exchange, status: number, elapsedMs: number): void {
    const name = `${x.upstream}/${x.backend}`;
    const now = this.#clock.now();
    const errors = this.#backends.get(name);
    if (errors !== undefined && now - errors.loggedAt < BACKEND_ERROR_MS) {
      errors.suppressed++;
      return;
    }
    const suppressed = errors === undefined || errors.suppressed === 0 ? {} : { suppressed: errors.suppressed };
    this.#log.warn({ ...requestFields(x, status, elapsedMs), ...suppressed }, 'a backend answered with an error');
    if (this.#backends.size >= MAX_BACKENDS) this.#backends.clear();
    this.#backends.set(name, { loggedAt: now, suppressed: 0 });
  }

  #admit(): boolean {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      if (this.#suppressed > 0)
        this.#log.warn({ suppressed: this.#suppressed }, 'more slow or failed requests than are logged');
      this.#second = second;
      this.#lines = 0;
      this.#suppressed = 0;
    }
    if (++this.#lines <= MAX_LINES_PER_SECOND) return true;
    this.#suppressed++;
    return false;
  }
}

function requestFields(x: Exchange, status: number, elapsedMs: number): Record<string, unknown> {
  return {
    requestId: x.id,
    endpoint: x.metrics.endpoint,
    method: x.request.method,
    status,
    elapsedMs: hundredths(elapsedMs),
    waitMs: hundredths(x.waitMs),
    execMs: hundredths(x.execMs),
    phase: x.execPhase,
    upstream: x.upstream === '' ? undefined : x.upstream,
    backend: x.backend === '' ? undefined : x.backend,
    attempts: x.attempts === 0 ? undefined : x.attempts,
    keyId: x.key?.id,
    error: x.failure,
  };
}
