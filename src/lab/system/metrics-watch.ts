import type { Clock, Timer } from '../../core/clock.ts';
import { gaugesOf, type Metrics, type ServerFigures, serverFigures } from '../measure/server-figures.ts';
import { parseMetrics } from './metrics-text.ts';
import type { System } from './system.ts';

const LOOK_MS = 1000;

/** Reads a system's metrics before a load, once a second during it, and after it. */
export class MetricsWatch {
  readonly #system: System;
  readonly #clock: Clock;
  readonly #before: Metrics;
  readonly #during: Metrics[] = [];
  #timer: Timer | undefined;

  private constructor(system: System, clock: Clock, before: Metrics) {
    this.#system = system;
    this.#clock = clock;
    this.#before = before;
    this.#schedule();
  }

  /** Undefined for a system whose metrics cannot be read. */
  static async start(system: System, clock: Clock): Promise<MetricsWatch | undefined> {
    const before = await look(system);
    return before === undefined ? undefined : new MetricsWatch(system, clock, before);
  }

  async stop(): Promise<ServerFigures> {
    this.#timer?.cancel();
    await this.#look();
    return serverFigures(this.#before, this.#during);
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimeout(() => {
      void this.#look();
      this.#schedule();
    }, LOOK_MS);
  }

  async #look(): Promise<void> {
    const seen = await look(this.#system);
    if (seen === undefined) return;
    const last = this.#during.pop();
    if (last !== undefined) this.#during.push(gaugesOf(last));
    this.#during.push(seen);
  }
}

/** Undefined if there are no metrics or the target does not answer; the load itself shows the latter. */
async function look(system: System): Promise<Metrics | undefined> {
  const text = await system.metrics().catch(() => undefined);
  return text === undefined ? undefined : parseMetrics(text);
}
