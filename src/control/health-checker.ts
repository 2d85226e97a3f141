import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { UpstreamConfig, HealthCheck } from '../config/model.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import { afterResult, type HealthState } from '../policy/health/rise-fall.ts';
import { probe } from './probe.ts';

/** The health of one backend, as control knows it. */
export interface BackendHealth {
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
  /** Undefined before the first check, and where there is none: workers take it for up, but nobody knows. */
  readonly up: boolean | undefined;
  readonly checked: boolean;
  /** Why the last check failed, if it did. */
  readonly problem: string | undefined;
  /** The backend's own report, if its health page is JSON. */
  readonly report: unknown;
}

interface Watched {
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
  readonly health: HealthCheck | undefined;
  hasLeft: boolean;
  state: HealthState | undefined;
  /** It did not answer its last check, and has requests in flight: it may be at work on them. */
  mayBeBusy: boolean;
  problem: string | undefined;
  report: unknown;
}

/** One that is down is looked at more often: each check that it is late costs capacity. */
const DOWN_PART = 5;
const SHORTEST_INTERVAL_MS = 100;

/** Requests in flight at a backend, as far as workers have said, and how many it takes. */
export type LoadOf = (upstream: string, backend: string) => { readonly inFlight: number; readonly cap: number };

/** Checks every backend of the host, once, whatever the number of workers. */
export class HealthChecker {
  #watched: readonly Watched[] = [];
  readonly #upstreams: readonly UpstreamConfig[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: (changed: readonly BackendHealth[]) => void;
  readonly #loadOf: LoadOf;
  readonly #timers = new Map<Watched, Timer>();
  #stopped = false;

  constructor(
    upstreams: readonly UpstreamConfig[],
    { clock, random }: { clock: Clock; random: Random },
    onChange: (changed: readonly BackendHealth[]) => void,
    loadOf: LoadOf,
  ) {
    this.#loadOf = loadOf;
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
    this.#upstreams = upstreams;
    for (const { name, backends } of upstreams) this.useBackends(name, backends);
  }

  /** The backends of an upstream are these now: new ones are checked at once, and what is known of the others stays. */
  useBackends(upstream: string, backends: readonly BackendConfig[]): void {
    const health = this.#upstreams.find(({ name }) => name === upstream)?.health;
    const isWanted = (one: Watched): boolean =>
      backends.some(({ id, origin }) => one.backend === id && one.origin === origin);
    for (const one of this.#watched) {
      if (one.upstream !== upstream || isWanted(one)) continue;
      one.hasLeft = true;
      this.#timers.get(one)?.cancel();
      this.#timers.delete(one);
    }
    const known = this.#watched.filter(({ hasLeft }) => !hasLeft);
    const joined = backends
      .filter(({ id }) => !known.some((one) => one.upstream === upstream && one.backend === id))
      .map(({ id, origin }): Watched => newlyWatched({ upstream, backend: id, origin, health }));
    this.#watched = [...known, ...joined];
    if (health !== undefined) for (const one of joined) void this.#check(one, health);
  }

  health(): BackendHealth[] {
    return this.#watched.map((watched) => this.#healthOf(watched));
  }

  #healthOf(watched: Watched): BackendHealth {
    const { upstream, backend, origin, state, problem, report } = watched;
    return { upstream, backend, origin, up: this.#upOf(watched), checked: state !== undefined, problem, report };
  }

  /** Where no backend of an upstream is up, those that may only be busy are used: nobody else would do the work. */
  #upOf({ upstream, state, mayBeBusy }: Watched): boolean | undefined {
    if (state?.up !== false || !mayBeBusy) return state?.up;
    return !this.#watched.some((other) => other.upstream === upstream && other.state?.up === true);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  async #check(watched: Watched, health: HealthCheck): Promise<void> {
    const result = await probe(watched.origin, health);
    if (this.#stopped || watched.hasLeft) return;
    const passed = result.problem === undefined;
    watched.problem = result.problem;
    watched.report = result.report;
    const peers = this.#watched.filter(({ upstream }) => upstream === watched.upstream);
    const before = peers.map((one) => this.#upOf(one));
    const { inFlight, cap } = this.#loadOf(watched.upstream, watched.backend);
    // A first good check does not bring it up yet, and must not take it away.
    if (!passed) watched.mayBeBusy = result.timedOut && inFlight > 0;
    watched.state = afterResult(watched.state, { ...result, passed }, inFlight >= cap, health);
    const changed = peers.filter((one, index) => this.#upOf(one) !== before[index]);
    if (changed.length > 0) this.#onChange(changed.map((one) => this.#healthOf(one)));
    const isDown = watched.state?.up === false;
    const { intervalMs } = health;
    const nextMs = isDown ? Math.min(intervalMs, Math.max(SHORTEST_INTERVAL_MS, intervalMs / DOWN_PART)) : intervalMs;
    // Jittered, so that the checks of many backends do not come in step.
    const timer = this.#clock.setTimeout(
      () => void this.#check(watched, health),
      nextMs * (0.9 + 0.2 * this.#random()),
    );
    this.#timers.set(watched, timer);
  }
}

const newlyWatched = (backend: Pick<Watched, 'upstream' | 'backend' | 'origin' | 'health'>): Watched => ({
  ...backend,
  hasLeft: false,
  state: undefined,
  mayBeBusy: false,
  problem: undefined,
  report: undefined,
});
