import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { DiscoverConfig } from '../config/discover.ts';
import type { UpstreamConfig } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Counter, Family, Gauge, Registry } from '../metrics/instruments.ts';
import { Discovered, type FoundBackend } from '../policy/membership/discovered.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import { Findings, type LookResult } from './findings.ts';
import { type ClusterPlace, namedCluster } from './kubernetes/cluster-place.ts';
import { HttpSliceApi } from './kubernetes/slice-api.ts';
import { SliceFollower } from './kubernetes/slice-follower.ts';
import { lookUpBackends, type NameAnswer } from './name-lookup.ts';
import { NameFollower } from './name-follower.ts';

export interface DiscoveryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  /** The backends that were known before. */
  readonly saved: (upstream: string) => readonly BackendConfig[];
  readonly onChange: (upstream: string, backends: readonly BackendConfig[]) => void;
  readonly lookUp?: (discover: DiscoverConfig) => Promise<NameAnswer>;
  readonly bugs: Bugs;
  /** The cluster in whose pod control runs; undefined outside of one. */
  readonly cluster?: ClusterPlace | undefined;
}

/** What is known of a name. */
export interface DiscoveryStatus {
  readonly upstream: string;
  readonly name: string;
  readonly backends: number;
  /** Why the last look-up brought nothing; null if it did. */
  readonly problem: string | null;
}

/** Keeps the backends of one upstream up to date. */
interface Follower {
  stop(): void;
}

interface Watch {
  readonly discover: DiscoverConfig;
  readonly findings: Findings;
  readonly follower: Follower;
}

/** Follows the upstreams whose backends are in DNS or in EndpointSlices of Kubernetes. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #watches = new Map<string, Watch>();
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
      if (discover !== undefined && isDeepStrictEqual(discover, watch.discover)) continue;
      watch.follower.stop();
      this.#watches.delete(name);
      if (discover === undefined) this.#backends.remove(name);
    }
    for (const { name, discover } of upstreams) {
      if (discover === undefined || this.#watches.has(name)) continue;
      this.#watches.set(name, this.#follow(name, discover));
    }
  }

  /** For `/api/status`. */
  status(): DiscoveryStatus[] {
    return [...this.#watches].map(([upstream, watch]) => ({ upstream, ...watch.findings.status() }));
  }

  stop(): void {
    for (const { follower } of this.#watches.values()) follower.stop();
  }

  #follow(upstream: string, discover: DiscoverConfig): Watch {
    const { log, onChange, saved } = this.#options;
    const known = saved(upstream);
    // Two answers of DNS must lack a backend; slices say themselves what is gone.
    const discovered = new Discovered(discover.scheme, known, discover.kind === 'slices' ? 1 : 2);
    const note = (name: string, result: LookResult, backends: number): void => this.#note(name, result, backends);
    const findings = new Findings({ upstream, name: discover.name, log, onChange, note }, discovered);
    const follower =
      discover.kind === 'slices'
        ? this.#followSlices(discover, findings, known.flatMap(foundOf))
        : new NameFollower(discover, { ...this.#options, findings });
    return { discover, findings, follower };
  }

  #followSlices(discover: DiscoverConfig, findings: Findings, saved: readonly FoundBackend[]): Follower {
    const { clock, random, cluster, bugs, lookUp = lookUpBackends } = this.#options;
    const { api, namespace, port, fallback } = discover.slices ?? {};
    const place = api === undefined ? cluster : namedCluster(api);
    if (place === undefined) {
      findings.take(undefined, 'this process runs in no pod of Kubernetes: set discover.api');
      return { stop: () => undefined };
    }
    return new SliceFollower({
      clock,
      random,
      api: new HttpSliceApi(place, discover.name, namespace),
      wish: { service: discover.name, port, isLocal: isLoopbackHost(new URL(place.origin).hostname) },
      findings,
      saved,
      fallback: fallback && (async () => (await lookUp(fallback)).found),
      bug: (error) => bugs.report('discovery', error),
    });
  }

  #note(upstream: string, result: LookResult, backends: number): void {
    this.#lookUps.of(upstream, result).value++;
    this.#backends.of(upstream).set(backends);
  }
}

/** Backends that were saved have an address and a port, as they were found. */
function foundOf({ origin }: BackendConfig): FoundBackend[] {
  const { hostname, port, protocol } = new URL(origin);
  const address = hostname.replace(/^\[|\]$/g, '');
  return [{ address, port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port), priority: 0 }];
}
