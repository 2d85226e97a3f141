import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../../core/clock.ts';

/** The figures of a sending process about itself. */
export interface SenderReport {
  /** Beginnings of short stretches, in milliseconds from the start, and how many requests were under way on average in each. */
  readonly sampledAtMs: Float64Array;
  readonly inFlight: Float64Array;
  /** Processor time over elapsed time: 1 is one processor. */
  readonly cpuShare: number;
  readonly eventLoopDelayP99Ms: number;
}

const STRETCH_MS = 10;
/** The sampling period of the delay monitor, which it counts into every sample. */
const RESOLUTION_MS = 5;

/**
 * Counts the requests that are under way, and for how long how many were: a measurement of the mean concurrency that owes
 * nothing to the times that are noted of each request, for Little's law to compare. To look at the count now and then
 * would not do: the timer for it fires when the sender has nothing else to do, and sees up to a quarter less of short requests.
 */
export class SenderWatch {
  #inFlight: number;
  /** Requests under way times milliseconds, since the stretch began, up to the last change. */
  #area = 0;
  #changedAt: number;
  #stretchFrom: number;
  readonly #clock: Clock;
  /** The start of the run. */
  readonly #startedAt: number;
  readonly #watchedFrom: number;
  readonly #usage = process.cpuUsage();
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #at: number[] = [];
  readonly #counts: number[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, startedAt: number, inFlight = 0) {
    this.#clock = clock;
    this.#startedAt = startedAt;
    this.#watchedFrom = clock.now();
    this.#inFlight = inFlight;
    this.#changedAt = this.#watchedFrom;
    this.#stretchFrom = this.#watchedFrom;
    this.#delay.enable();
    this.#schedule();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  set inFlight(count: number) {
    this.#accumulate();
    this.#inFlight = count;
  }

  stop(): SenderReport {
    this.#timer?.cancel();
    this.#endStretch();
    // The last stretch ends here: a run whose last request is answered early is over before its window is.
    this.#at.push(this.#stretchFrom - this.#startedAt);
    this.#counts.push(this.#inFlight);
    this.#delay.disable();
    const { user, system } = process.cpuUsage(this.#usage);
    const elapsedMs = this.#clock.now() - this.#watchedFrom;
    return {
      sampledAtMs: Float64Array.from(this.#at),
      inFlight: Float64Array.from(this.#counts),
      cpuShare: elapsedMs > 0 ? (user + system) / 1000 / elapsedMs : 0,
      eventLoopDelayP99Ms: this.#delay.count === 0 ? 0 : Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS),
    };
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#endStretch();
      this.#schedule();
    }, STRETCH_MS);
  }

  #endStretch(): void {
    const now = this.#accumulate();
    const lengthMs = now - this.#stretchFrom;
    if (lengthMs <= 0) return;
    this.#at.push(this.#stretchFrom - this.#startedAt);
    this.#counts.push(this.#area / lengthMs);
    this.#stretchFrom = now;
    this.#area = 0;
  }

  #accumulate(): number {
    const now = this.#clock.now();
    this.#area += this.#inFlight * (now - this.#changedAt);
    this.#changedAt = now;
    return now;
  }
}
