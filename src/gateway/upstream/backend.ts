import { lookup } from 'node:dns/promises';
import { Pool } from 'undici';
import { type LookUp, NameWatch } from './name-watch.ts';
import type { BackendConfig } from '../../protocol/backends.ts';
import type { Counter, Gauge } from '../../metrics/instruments.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Clock } from '../../core/clock.ts';
import { BackendLoad } from '../../policy/balance/backend-load.ts';
import type { Candidate } from '../../policy/balance/balancer.ts';
import { BackendSockets } from './backend-sockets.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** How an attempt ended, for the metrics and for the backend's standing. */
export type Outcome =
  | 'success'
  | 'failure'
  /** The backend said that it has too much to do. */
  | 'refused'
  | 'timeout'
  /** It ended for a reason that says nothing about the backend. */
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
  // It may have hung: that it was given up early must not make it look fast.
  superseded: 'dropped',
} as const;

export interface BackendOptions {
  readonly cap: number;
  readonly upstream: string;
  readonly connectMs: number;
  /** Largest head of a reply. */
  readonly replyHeadBytes: number;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly bugs: Bugs;
  /** In place of the system's resolver. */
  readonly lookUp?: LookUp;
}

const lookUpBySystem: LookUp = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/** After a failed connection the backend is left alone for this long, then tried again: the check by control is slower. */
const SUSPENSION_MS = 250;
/** The generators keep a connection open for longer, so that it is always this side that closes an idle one. */
const IDLE_TIMEOUT_MS = 60_000;

/** One backend as this worker sees it: its connections, its permits, its standing. */
export class Backend implements Candidate {
  readonly id: string;
  /** Its place in the upstream's list. */
  readonly index: number;
  #origin: string;
  /** It takes no new requests, and is closed when those that it has have ended. */
  isLeaving = false;
  readonly sockets: BackendSockets;
  /** Its latency, from its replies, and its load, from its reports. */
  readonly load: BackendLoad;
  inFlight = 0;
  /** Open streams, which are no part of the cap. */
  streams = 0;
  /** Permits that this worker holds. */
  cap: number;
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

  constructor(config: BackendConfig, index: number, options: BackendOptions) {
    const { clock } = options;
    this.id = config.id;
    this.index = index;
    this.#origin = config.origin;
    this.cap = options.cap;
    this.#now = () => clock.now();
    this.load = new BackendLoad(clock.now());
    this.sockets = new BackendSockets(options.connectMs, clock, options.bugs);
    // No limit on connections: permits are the limit, and a pool that is full would queue out of sight.
    this.#openPool = () =>
      new Pool(this.#origin, {
        connections: null,
        pipelining: 1,
        allowH2: false,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        keepAliveMaxTimeout: IDLE_TIMEOUT_MS,
        headersTimeout: 0,
        // How long a reply may be silent depends on the reply: IdleWatch ends it.
        bodyTimeout: 0,
        maxHeaderSize: options.replyHeadBytes,
        connect: this.sockets.connect,
      });
    this.#pool = this.#openPool();
    this.#watchNames = () =>
      new NameWatch({
        origin: this.#origin,
        clock,
        lookUp: options.lookUp ?? lookUpBySystem,
        onMoved: () => this.#renewPool(),
      });
    this.#names = this.#watchNames();
    this.#removeGauge = () => options.metrics.backendInFlight.remove(options.upstream, config.id);
    this.#gauge = options.metrics.backendInFlight.of(options.upstream, config.id);
    const count = (outcome: Outcome): Counter =>
      options.metrics.backendRequests.of(options.upstream, config.id, outcome);
    this.#outcomes = {
      success: count('success'),
      failure: count('failure'),
      refused: count('refused'),
      timeout: count('timeout'),
      aborted: count('aborted'),
      abandoned: count('abandoned'),
      superseded: count('superseded'),
    };
  }

  /** The connections of now. */
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

  /** Its requests go to another origin from now on. */
  moveTo(origin: string): void {
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#names.close();
    this.#names = this.#watchNames();
    this.#renewPool();
  }

  /** It has left, and nothing is under way there. */
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

  /** Whether the health checks pass; true before the first result, because a worker must serve without control. */
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

  /** When it may be used again, as far as this worker knows of reasons to wait. */
  get availableAt(): number {
    return Math.max(this.#suspendedUntil, this.#ejectedUntil);
  }

  /** Set aside for its results until then; 0 takes it back at once. */
  eject(until: number): void {
    if (until > 0 && until !== this.#ejectedUntil) this.load.joined(until);
    this.#ejectedUntil = until;
  }

  /** No connection could be made: others come first for a while. */
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

  count(outcome: Outcome): void {
    this.#outcomes[outcome].value++;
  }
}
