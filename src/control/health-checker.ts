import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { UpstreamConfig } from '../config/config.ts';
import { afterCheck, type HealthState } from '../policy/health/rise-fall.ts';
import { probe } from './probe.ts';

/** What is known of one backend. */
export interface BackendHealth {
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
  readonly up: boolean;
  /** False until the first check, where there is one to come: `up` is then only assumed. */
  readonly checked: boolean;
  /** Why the last check failed, if it did. */
  readonly problem: string | undefined;
  /** What the backend says of itself, where its health page is JSON. */
  readonly report: unknown;
}

interface Watched {
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
  readonly path: string | undefined;
  state: HealthState | undefined;
  problem: string | undefined;
  report: unknown;
}

const INTERVAL_MS = 500;
/** One that is down is looked at more often: each check that it is late costs capacity. */
const INTERVAL_WHEN_DOWN_MS = 100;
const thresholds = { rise: 2, fall: 3 };
/** Checks every backend of the host, once, whatever the number of workers. */
export class HealthChecker {
  readonly #watched: Watched[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: () => void;
  readonly #timers = new Map<Watched, Timer>();
  #stopped = false;

  constructor(upstreams: readonly UpstreamConfig[], clock: Clock, random: Random, onChange: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
    this.#watched = upstreams.flatMap((upstream) =>
      upstream.backends.map(({ id, origin }) => ({
        upstream: upstream.name,
        backend: id,
        origin,
        path: upstream.healthPath,
        state: undefined,
        problem: undefined,
        report: undefined,
      })),
    );
    for (const watched of this.#watched) if (watched.path !== undefined) void this.#check(watched);
  }

  /** A backend without a health path counts as up, and so does one that has not been checked yet. */
  health(): BackendHealth[] {
    return this.#watched.map(({ upstream, backend, origin, path, state, problem, report }) => ({
      upstream,
      backend,
      origin,
      up: state?.up ?? true,
      checked: path === undefined || state !== undefined,
      problem,
      report,
    }));
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  async #check(watched: Watched): Promise<void> {
    const result = await probe(`${watched.origin}${watched.path}`);
    if (this.#stopped) return;
    const passed = result.problem === undefined;
    watched.problem = result.problem;
    watched.report = result.report;
    const before = watched.state;
    // The first check decides alone: there is nothing to hold on to yet.
    const decisive = before === undefined || (!passed && result.definite);
    watched.state = decisive ? { up: passed, contrary: 0 } : afterCheck(before, passed, thresholds);
    if (before?.up !== watched.state.up) this.#onChange();
    // Jittered, so that the checks of many backends do not come in step.
    const intervalMs = watched.state.up ? INTERVAL_MS : INTERVAL_WHEN_DOWN_MS;
    const delayMs = intervalMs * (0.9 + 0.2 * this.#random());
    this.#timers.set(
      watched,
      this.#clock.setTimeout(() => void this.#check(watched), delayMs),
    );
  }
}
