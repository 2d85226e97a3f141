import type { Logger } from 'pino';
import type { DiscoverConfig } from '../config/discover.ts';
import type { UpstreamConfig } from '../config/model.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Counter, Family, Gauge, Registry } from '../metrics/instruments.ts';
import { Discovered } from '../policy/membership/discovered.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import { lookUpBackends, type NameAnswer } from './name-lookup.ts';

export interface DiscoveryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  /** The backends that were known before. */
  readonly saved: (upstream: string) => readonly BackendConfig[];
  readonly onChange: (upstream: string, backends: readonly BackendConfig[]) => void;
  readonly lookUp?: (discover: DiscoverConfig) => Promise<NameAnswer>;
}

/** What is known of a name. */
export interface DiscoveryStatus {
  readonly upstream: string;
  readonly name: string;
  readonly backends: number;
  /** Why the last look-up brought nothing; null if it did. */
  readonly problem: string | null;
}

type Result = 'answered' | 'empty' | 'failed';

const RETRY = { firstMs: 1000, maxMs: 30_000 };
/** The part of the time between two look-ups that chance takes off, so that hosts do not ask together. */
const JITTER = 0.1;

/** Follows the names of upstreams whose backends are in DNS. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #watches = new Map<string, NameFollower>();
  readonly #lookUps: Family<Counter>;
  readonly #backends: Family<Gauge>;

  constructor(options: DiscoveryOptions, upstreams: readonly UpstreamConfig[]) {
    this.#options = options;
    const { registry } = options;
    this.#lookUps = registry.counter('rampart_discovery_lookups_total', 'Look-ups of names', 'upstream', 'result');
    this.#backends = registry.gauge('rampart_discovered_backends', 'Backends in DNS', 'max', 'upstream');
    this.useUpstreams(upstreams);
  }

  /** The upstreams of another configuration; a name that is followed already goes on. */
  useUpstreams(upstreams: readonly UpstreamConfig[]): void {
    for (const [name, watch] of this.#watches) {
      const discover = upstreams.find((one) => one.name === name)?.discover;
      if (discover !== undefined && watch.isOf(discover)) continue;
      watch.stop();
      this.#watches.delete(name);
      if (discover === undefined) this.#backends.remove(name);
    }
    for (const { name, discover } of upstreams) {
      if (discover === undefined || this.#watches.has(name)) continue;
      this.#watches.set(
        name,
        new NameFollower(name, discover, { ...this.#options, note: (...note) => this.#note(...note) }),
      );
    }
  }

  /** For `/api/status`. */
  status(): DiscoveryStatus[] {
    return [...this.#watches].map(([upstream, watch]) => ({ upstream, ...watch.status() }));
  }

  stop(): void {
    for (const watch of this.#watches.values()) watch.stop();
  }

  #note(upstream: string, result: Result, backends: number): void {
    this.#lookUps.of(upstream, result).value++;
    this.#backends.of(upstream).set(backends);
  }
}

interface FollowerOptions extends DiscoveryOptions {
  readonly note: (upstream: string, result: Result, backends: number) => void;
}

/** One name, looked up when its TTL is over. Whatever goes wrong, the backends that are known stay. */
class NameFollower {
  readonly #upstream: string;
  readonly #discover: DiscoverConfig;
  readonly #options: FollowerOptions;
  readonly #discovered: Discovered;
  #timer: Timer | undefined;
  #failures = 0;
  #problem: string | undefined;
  #isStopped = false;

  constructor(upstream: string, discover: DiscoverConfig, options: FollowerOptions) {
    this.#upstream = upstream;
    this.#discover = discover;
    this.#options = options;
    this.#discovered = new Discovered(discover.scheme, options.saved(upstream));
    void this.#look();
  }

  isOf(discover: DiscoverConfig): boolean {
    return JSON.stringify(discover) === JSON.stringify(this.#discover);
  }

  status(): Omit<DiscoveryStatus, 'upstream'> {
    const backends = this.#discovered.backends.length;
    return { name: this.#discover.name, backends, problem: this.#problem ?? null };
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { lookUp = lookUpBackends } = this.#options;
    let answer: NameAnswer | undefined;
    let problem: string | undefined;
    try {
      answer = await lookUp(this.#discover);
      if (answer.found.length === 0) problem = 'the answer has no backend';
    } catch (error) {
      problem = messageOf(error);
    }
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#look(), this.#nextMs(answer, problem));
    this.#take(answer, problem);
  }

  #take(answer: NameAnswer | undefined, problem: string | undefined): void {
    const { note, onChange } = this.#options;
    if (answer !== undefined && this.#discovered.answered(answer.found))
      onChange(this.#upstream, this.#discovered.backends);
    const { backends } = this.#discovered;
    note(
      this.#upstream,
      answer === undefined ? 'failed' : problem === undefined ? 'answered' : 'empty',
      backends.length,
    );
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log } = this.#options;
    const details = { upstream: this.#upstream, name: this.#discover.name, backends: backends.length };
    if (problem === undefined) log.info(details, 'the name of an upstream is answered again');
    else
      log.warn({ ...details, problem }, 'the name of an upstream cannot be looked up; its known backends stay in use');
  }

  #nextMs(answer: NameAnswer | undefined, problem: string | undefined): number {
    const { random } = this.#options;
    const { minMs, maxMs } = this.#discover;
    this.#failures = problem === undefined ? 0 : this.#failures + 1;
    if (problem !== undefined) return Math.min(maxMs, backoffMs(this.#failures, RETRY, random));
    const ttlMs = Math.min(maxMs, Math.max(minMs, answer?.ttlMs ?? maxMs));
    return ttlMs * (1 - JITTER * random());
  }
}
