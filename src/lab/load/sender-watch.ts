import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../../core/clock.ts';

/** What a sending process saw of itself. */
export interface SenderReport {
  /** When it was looked, in milliseconds from the start, and how many requests were under way then. */
  readonly sampledAtMs: Float64Array;
  readonly inFlight: Float64Array;
  /** Processor time over elapsed time: 1 is one processor. */
  readonly cpuShare: number;
  readonly eventLoopDelayP99Ms: number;
}

const SAMPLE_MS = 10;
/** The sampling period of the delay monitor, which it counts into every sample. */
const RESOLUTION_MS = 5;

/**
 * Counts the requests that are under way, and looks at the count every 10 ms: a measurement of the mean concurrency that
 * owes nothing to the times that are noted of each request, for Little's law to compare.
 */
export class SenderWatch {
  inFlight: number;
  readonly #clock: Clock;
  /** Of the run. */
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
    this.inFlight = inFlight;
    this.#delay.enable();
    this.#sample();
  }

  stop(): SenderReport {
    this.#timer?.cancel();
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

  #sample(): void {
    this.#at.push(this.#clock.now() - this.#startedAt);
    this.#counts.push(this.inFlight);
    this.#timer = this.#clock.setTimeout(() => this.#sample(), SAMPLE_MS);
  }
}
