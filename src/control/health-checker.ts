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
  /** Undefined before the first check and for backends without checks; workers treat such a backend as up. */
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
  health: HealthCheck | undefined;
  hasLeft: boolean;
  state: HealthState | undefined;
  /** The backend did not answer its last check in time and has requests in flight, so it may be working on them. */
  mayBeBusy: boolean;
  problem: string | undefined;
  report: unknown;
}

/** A backend that is down is checked this many times as often, because its capacity is missing until a check passes. */
const DOWN_PART = 5;
const SHORTEST_INTERVAL_MS = 100;

/** The requests in flight at a backend, by the workers' last reports, and its cap. */
export type LoadOf = (upstream: string, backend: string) => { readonly inFlight: number; readonly cap: number };

/** Checks every backend of the host, once, whatever the number of workers. */
export class HealthChecker {
  #watched: readonly Watched[] = [];
  #upstreams: readonly UpstreamConfig[];
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

  /** Replaces the upstreams. A backend keeps its state; other settings of the checks hold from its next check on. */
  useUpstreams(upstreams: readonly UpstreamConfig[]): void {
    const left = this.#upstreams.filter(({ name }) => !upstreams.some((one) => one.name === name));
    for (const { name } of left) this.useBackends(name, []);
    this.#upstreams = upstreams;
    for (const { name, backends, health } of upstreams) {
      for (const one of this.#watched) if (one.upstream === name) this.#useHealth(one, health);
      this.useBackends(name, backends);
    }
  }

  #useHealth(watched: Watched, health: HealthCheck | undefined): void {
    const before = watched.health;
    watched.health = health;
    if (health === undefined) {
      this.#timers.get(watched)?.cancel();
      this.#timers.delete(watched);
      Object.assign(watched, { state: undefined, mayBeBusy: false, problem: undefined, report: undefined });
    } else if (before === undefined) void this.#check(watched);
  }

  /** Replaces the backends of an upstream: new ones are checked at once, and the others keep their state. */
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
    if (health !== undefined) for (const one of joined) void this.#check(one);
  }

  health(): BackendHealth[] {
    return this.#watched.map((watched) => this.#healthOf(watched));
  }

  #healthOf(watched: Watched): BackendHealth {
    const { upstream, backend, origin, state, problem, report } = watched;
    return { upstream, backend, origin, up: this.#upOf(watched), checked: state !== undefined, problem, report };
  }

  /** If no backend of an upstream is up, backends that may only be busy count as up, because no other could do the work. */
  #upOf({ upstream, state, mayBeBusy }: Watched): boolean | undefined {
    if (state?.up !== false || !mayBeBusy) return state?.up;
    return !this.#watched.some((other) => other.upstream === upstream && other.state?.up === true);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  async #check(watched: Watched): Promise<void> {
    if (watched.health === undefined) return;
    const result = await probe(watched.origin, watched.health);
    const { health } = watched;
    if (this.#stopped || watched.hasLeft || health === undefined) return;
    const passed = result.problem === undefined;
    watched.problem = result.problem;
    watched.report = result.report;
    const peers = this.#watched.filter(({ upstream }) => upstream === watched.upstream);
    const before = peers.map((one) => this.#upOf(one));
    const { inFlight, cap } = this.#loadOf(watched.upstream, watched.backend);
    // A first passed check does not bring the backend up yet, and must not end its use as a busy one.
    if (!passed) watched.mayBeBusy = result.timedOut && inFlight > 0;
    watched.state = afterResult(watched.state, { ...result, passed }, inFlight >= cap, health);
    const changed = peers.filter((one, index) => this.#upOf(one) !== before[index]);
    if (changed.length > 0) this.#onChange(changed.map((one) => this.#healthOf(one)));
    const isDown = watched.state?.up === false;
    const { intervalMs } = health;
    const nextMs = isDown ? Math.min(intervalMs, Math.max(SHORTEST_INTERVAL_MS, intervalMs / DOWN_PART)) : intervalMs;
    // Jitter keeps the checks of many backends from coinciding.
    const timer = this.#clock.setTimeout(() => void this.#check(watched), nextMs * (0.9 + 0.2 * this.#random()));
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
