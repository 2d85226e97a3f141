import type { Clock } from '../core/clock.ts';
import { DecayingRate } from './rate.ts';
import type { SlotQueue } from './slots.ts';

/** The figures of a generator in /healthz; counters run from its start. */
export interface GeneratorStats {
  readonly slots: number;
  readonly inFlight: number;
  readonly queued: number;
  /** Answered with an image. */
  readonly served: number;
  /** Turned away at the cap. */
  readonly refused: number;
  /** Answered with a 4xx, as the request was at fault. */
  readonly rejected: number;
  /** Answered with a 500: a bug here. */
  readonly failed: number;
  readonly renderSecondsTotal: number;
}

const rateWindowMs = 5000;

/** Counts what the server does and words it as load headers. */
export class Tally {
  readonly #slots: SlotQueue;
  readonly #clock: Clock;
  readonly #rate = new DecayingRate(rateWindowMs);
  #served = 0;
  #refused = 0;
  #rejected = 0;
  #failed = 0;
  #renderMs = 0;

  constructor(slots: SlotQueue, clock: Clock) {
    this.#slots = slots;
    this.#clock = clock;
  }

  count(status: number, busyMs: number): void {
    this.#renderMs += busyMs;
    if (status === 503) this.#refused++;
    else if (status >= 500) this.#failed++;
    else if (status >= 400) this.#rejected++;
    else this.#served++;
    if (status === 200) this.#rate.count(this.#clock.now());
  }

  stats(): GeneratorStats {
    const { limits, inFlight, queued } = this.#slots;
    return {
      slots: limits.slots,
      inFlight,
      queued,
      served: this.#served,
      refused: this.#refused,
      rejected: this.#rejected,
      failed: this.#failed,
      renderSecondsTotal: this.#renderMs / 1000,
    };
  }

  /**
   * The value of `endpoint-load-metrics` (ORCA, text form); the request being answered is still in flight.
   *
   * Utilization counts the queue too, so that it goes beyond 1 when the cap is not enough.
   */
  loadHeader(): string {
    const { limits, inFlight, queued } = this.#slots;
    const rate = this.#rate.perSecond(this.#clock.now());
    const utilization = (inFlight + queued) / limits.slots;
    return (
      `TEXT rps_fractional=${rate.toFixed(2)}, application_utilization=${utilization.toFixed(3)}, ` +
      `named_metrics.in_flight=${inFlight}, named_metrics.slots=${limits.slots}`
    );
  }
}
