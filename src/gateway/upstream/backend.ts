import { lookup } from 'node:dns/promises';
import { isDeepStrictEqual } from 'node:util';
import { Pool } from 'undici';
import { type LookUp, NameWatch } from './name-watch.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import type { Counter, Gauge } from '../../metrics/instruments.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock } from '../../core/clock.ts';
import { BackendLoad } from '../../policy/balance/backend-load.ts';
import { hashOf } from '../../core/text-hash.ts';
import type { NamedCandidate } from '../../policy/balance/rendezvous.ts';
import type { UpstreamTls } from '../../config/model.ts';
import { httpOrigin } from '../../core/backend-url.ts';
import { BackendEndpoint } from './backend-endpoint.ts';
import { BackendSockets } from './backend-sockets.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** How an attempt ended, for the metrics and for the health of the backend. */
export type Outcome =
  | 'success'
  | 'failure'
  /** The backend reported that it is overloaded. */
  | 'refused'
  | 'timeout'
  /** It ended for a reason that does not depend on the backend. */
  | 'aborted'
  /** The client left while the backend had the whole request and had not answered. */
  | 'abandoned'
  /** Another backend was faster. */
  | 'superseded';

/** How an outcome counts in the load that balancers use. */
export const outcomesForLoad = {
  success: 'success',
  failure: 'failure',
  timeout: 'failure',
  refused: 'dropped',
  aborted: 'ignored',
  abandoned: 'ignored',
  // The backend may hang: an attempt that was given up early must not make it look fast.
  superseded: 'dropped',
} as const;

/** The settings of the connections of a backend that may change while it is used. */
export interface ConnectionSettings {
  /** Largest head of a reply. */
  readonly replyHeadBytes: number;
  /** How an https backend is asked. */
  readonly tls?: UpstreamTls | undefined;
}

export interface BackendOptions extends ConnectionSettings {
  readonly cap: number;
  readonly upstream: string;
  readonly connectMs: number;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** Replaces the system's resolver, for tests. */
  readonly lookUp?: LookUp;
}

const lookUpBySystem: LookUp = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/** How long a backend is avoided after a failed connection. Control's health check takes longer to notice. */
const SUSPENSION_MS = 250;
/** Generators keep idle connections open for longer, so it is always this side that closes one. */
const IDLE_TIMEOUT_MS = 60_000;

/** One backend as this worker sees it: its connections, its permits and its health. */
export class Backend implements NamedCandidate {
  readonly id: string;
  readonly nameHash: number;
  /** Its place in the upstream's list. */
  readonly index: number;
  #origin: string;
  /** Used only while no other backend of the upstream is up. */
  isBackup: boolean;
  /** It takes no new requests, and is closed when its requests in flight have ended. */
  isLeaving = false;
  readonly sockets: BackendSockets;
  /** Its latency, from its replies, and its load, from its reports. */
  readonly load: BackendLoad;
  inFlight = 0;
  /** Open streams, which do not count within the cap. */
  streams = 0;
  /** Permits that this worker holds. */
  cap: number;
  #connection: ConnectionSettings;
  readonly #endpoint: BackendEndpoint;
  readonly #openPool: () => Pool;
  #pool: Pool;
  #names: NameWatch;
  readonly #watchNames: () => NameWatch;
  #healthy = true;
  #suspendedUntil = 0;
  #ejectedUntil = 0;
  #now: () => number;
  readonly #gauge: Gauge;
  readonly #removeGauge: () => void;
  readonly #outcomes: Record<Outcome, Counter>;
  readonly #busySeconds: Counter;

  constructor(config: BackendConfig, index: number, options: BackendOptions) {
    const { clock } = options;
    this.id = config.id;
    this.nameHash = hashOf(config.id);
    this.isBackup = config.isBackup ?? false;
    this.index = index;
    this.#origin = config.origin;
    this.cap = options.cap;
    this.#now = () => clock.now();
    this.load = new BackendLoad(clock.now());
    this.#connection = options;
    this.#endpoint = new BackendEndpoint(options.connectMs);
    this.#endpoint.use(config.origin, options.tls);
    this.sockets = new BackendSockets(this.#endpoint, clock, options.bugs);
    // No limit on connections: permits are the limit, and a full pool would queue requests that the gateway cannot see.
    this.#openPool = () =>
      new Pool(httpOrigin(this.#origin), {
        connections: null,
        pipelining: 1,
        allowH2: false,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        keepAliveMaxTimeout: IDLE_TIMEOUT_MS,
        headersTimeout: 0,
        // The limit of silence differs between replies, so IdleWatch ends them.
        bodyTimeout: 0,
        maxHeaderSize: this.#connection.replyHeadBytes,
        connect: this.sockets.connect,
      });
    this.#pool = this.#openPool();
    this.#watchNames = () =>
      new NameWatch({
        origin: this.#origin,
        clock,
        lookUp: options.lookUp ?? lookUpBySystem,
        onMoved: () => this.#renewPool(),
        hasChanged: () => this.#endpoint.hasNewFiles(),
      });
    this.#names = this.#watchNames();
    this.#removeGauge = () => options.metrics.backendInFlight.remove(options.upstream, config.id);
    this.#gauge = options.metrics.backendInFlight.of(options.upstream, config.id);
    this.#outcomes = outcomeCounters(options, config.id);
    this.#busySeconds = options.metrics.backendBusy.of(options.upstream, config.id);
  }

  /** The present connections. */
  get pool(): Pool {
    return this.#pool;
  }

  /** New requests get new connections; those in flight end on the ones that they have. */
  #renewPool(): void {
    const old = this.#pool;
    this.#pool = this.#openPool();
    // It fails only for one that is closed already.
    old.close().catch(() => {});
  }

  get origin(): string {
    return this.#origin;
  }

  get hostname(): string {
    return this.#endpoint.hostname;
  }

  /** Sends new requests to another origin. */
  moveTo(origin: string): void {
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#endpoint.use(origin, this.#connection.tls);
    this.#names.close();
    this.#names = this.#watchNames();
    this.#renewPool();
  }

  /** New requests get connections with these settings. */
  useConnection(connection: ConnectionSettings): void {
    const { replyHeadBytes, tls } = this.#connection;
    const isSame = connection.replyHeadBytes === replyHeadBytes && isDeepStrictEqual(connection.tls, tls);
    this.#connection = connection;
    if (isSame) return;
    this.#endpoint.use(this.#origin, connection.tls);
    this.#names.close();
    this.#names = this.#watchNames();
    this.#renewPool();
  }

  /** It has left, and no request is in flight there. */
  retire(): void {
    this.#names.close();
    this.#removeGauge();
    // It fails only for one that is closed already.
    this.#pool.close().catch(() => {});
  }

  async close(): Promise<void> {
    this.#names.close();
    await this.#pool.destroy();
  }

  /** Whether the health checks pass; true before the first result, because a worker must serve without control, too. */
  get healthy(): boolean {
    return this.#healthy;
  }

  set healthy(healthy: boolean) {
    if (healthy && !this.#healthy) this.load.joined(this.#now());
    this.#healthy = healthy;
  }

  get available(): boolean {
    if (!this.#healthy) return false;
    const until = this.availableAt;
    return until === 0 || this.#now() >= until;
  }

  get ejected(): boolean {
    return this.#ejectedUntil > this.#now();
  }

  /** When its suspension and its ejection in this worker are over. */
  get availableAt(): number {
    return Math.max(this.#suspendedUntil, this.#ejectedUntil);
  }

  /** Ejects the backend until this time; 0 takes it back at once. */
  eject(until: number): void {
    if (until > 0 && until !== this.#ejectedUntil) this.load.joined(until);
    this.#ejectedUntil = until;
  }

  /** No connection could be made: other backends come first for a while. */
  suspend(): void {
    this.#suspendedUntil = this.#now() + SUSPENSION_MS;
  }

  /** One more request in flight. */
  took(now: number): void {
    this.inFlight++;
    this.#gauge.value++;
    this.load.started(now);
  }

  /** One request fewer. */
  gaveBack(): void {
    this.inFlight--;
    this.#gauge.value--;
  }

  /** An attempt has ended that held a permit for so long. */
  count(outcome: Outcome, heldMs: number): void {
    this.#outcomes[outcome].value++;
    this.#busySeconds.value += heldMs / 1000;
  }
}

function outcomeCounters({ metrics, upstream }: BackendOptions, id: string): Record<Outcome, Counter> {
  const count = (outcome: Outcome): Counter => metrics.backendRequests.of(upstream, id, outcome);
  return {
    success: count('success'),
    failure: count('failure'),
    refused: count('refused'),
    timeout: count('timeout'),
    aborted: count('aborted'),
    abandoned: count('abandoned'),
    superseded: count('superseded'),
  };
}
