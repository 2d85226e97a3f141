import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Exchange } from './exchange.ts';
import { hundredths } from './http/hundredths.ts';

/** Requests that took longer than this are logged, with where the time went. */
const SLOW_MS = 500;
/**
 * Lines a second for slow and failed requests. Under overload every request could cause a line, and the writing itself
 * would be the load.
 */
const MAX_LINES_PER_SECOND = 20;

/** Writes one line for each request that was slow or failed, within a rate; for every request at level `debug`. */
export class RequestLog {
  readonly #log: Logger;
  readonly #clock: Clock;
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
    // A long stream is not slow: the time to its head counts.
    const toHeadMs = x.execPhase === undefined ? elapsedMs : x.queueMs + x.permitMs + x.execMs;
    if ((failed || toHeadMs > SLOW_MS) && this.#log.isLevelEnabled('warn')) {
      if (this.#admit()) this.#log.warn(accessLine(x, status, elapsedMs), failed ? 'failed request' : 'slow request');
    } else if (this.#log.isLevelEnabled('debug')) this.#log.debug(accessLine(x, status, elapsedMs), 'request');
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

function accessLine(x: Exchange, status: number, elapsedMs: number): Record<string, unknown> {
  return {
    requestId: x.id,
    endpoint: x.metrics.endpoint,
    method: x.request.method,
    status,
    elapsedMs: hundredths(elapsedMs),
    waitMs: hundredths(x.queueMs + x.permitMs),
    execMs: hundredths(x.execMs),
    phase: x.execPhase,
    keyId: x.key?.id,
    error: x.failure,
  };
}
