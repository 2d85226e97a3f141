import { rmSync } from 'node:fs';
import type { Logger } from 'pino';
import { firstFloor } from '../../config/fleet.ts';
import type { FleetConfig } from '../../config/fleet-model.ts';
import type { UpstreamConfig } from '../../config/model.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { machineOffsetMs } from '../../core/machine-time.ts';
import type { Random } from '../../core/random.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { type BackendUse, type CalledUse, FleetLease } from '../../policy/fleet/fleet-lease.ts';
import type { ControlMessage } from '../../protocol/messages.ts';
import type { ValkeyClient } from '../../store/valkey/valkey-client.ts';
import { ValkeyUnavailable } from '../../store/valkey/valkey-unavailable.ts';
import type { FleetPermits, SharedBackend } from '../upstream-leases.ts';
import type { FleetStatus } from './fleet-status.ts';
import { parseFleetAnswer } from './fleet-answer.ts';
import type { FleetMetrics } from './fleet-metrics.ts';
import { loadFleetLease, saveFleetLease } from './fleet-file.ts';
import { FLEET_PREFIX, fleetLibrary } from './fleet-function.ts';
import { quarantineMsOf } from './quarantine.ts';

export interface FleetHolderOptions {
  readonly host: string;
  readonly valkey: Pick<ValkeyClient, 'call' | 'runId' | 'subscribe'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bugs: Bugs;
  readonly metrics: FleetMetrics;
  /** The file that keeps the lease. */
  readonly path: string;
  readonly upstreams: () => readonly UpstreamConfig[];
  /** The leases that the host gives its workers. */
  readonly leases: {
    shared(upstream: string): SharedBackend[];
    grant(upstream: string, backend: string, granted: FleetPermits): void;
    recallShared(upstream: string): boolean;
    readonly isOver: boolean;
  };
  /** The service times of an upstream as this host has seen them: the mean, in milliseconds. */
  readonly meanMs: (upstream: string) => number | undefined;
  /** Tells every worker when the lease ends. */
  readonly tellEnd: (end: LeaseEndMessage) => void;
}

type LeaseEndMessage = Extract<ControlMessage, { type: 'lease-end' }>;

interface Shared {
  readonly upstream: string;
  readonly backend: string;
  readonly fleet: FleetConfig;
  readonly isStrict: boolean;
  readonly use: BackendUse;
}

const TICK_MS = 50;
/** How long after a hint freed permits are given back at once, because workers report one after the other. */
const HINT_LASTS_MS = 50;

/** The host's lease in its fleet: renews it in Valkey, and lets the host use what it grants (ADR 138). */
export class FleetHolder {
  readonly #options: FleetHolderOptions;
  readonly #lease: FleetLease;
  readonly #offsetMs: number;
  readonly #unsubscribe: () => void;
  #isCalling = false;
  #isClosed = false;
  /** Other hosts want permits, and no call has gone out since. */
  #isHinted = false;
  #hintedAt = Number.NEGATIVE_INFINITY;
  #told: LeaseEndMessage | undefined;
  #problem: string | undefined;
  #isUnwritten = false;
  #timer: Timer | undefined;

  constructor(options: FleetHolderOptions) {
    this.#options = options;
    this.#offsetMs = machineOffsetMs(options.clock);
    this.#lease = new FleetLease(options.host, loadFleetLease(options.path, options.host));
    this.#unsubscribe = options.valkey.subscribe(`${FLEET_PREFIX}:donors`, (message) => {
      if (message.split('\n').includes(options.host)) this.#hinted();
    });
    this.#tick();
  }

  /** When the lease ends, and how the host stands, for a worker that has just connected. */
  leaseEnd(shared: readonly Shared[] = this.#shared()): LeaseEndMessage {
    const { now, wall } = this.#times();
    const state = this.#lease.state(now, wall);
    // Without a backend that it shares, the host never asks for a lease.
    const isAlone = shared.length === 0;
    const standing = !isAlone && (state === 'new' || state === 'superseded') ? state : 'member';
    return { type: 'lease-end', endsAt: Math.max(0, this.#lease.endsAt), standing };
  }

  /** A worker has reported its use. Asks for more if requests wait and nothing is free; gives back if other hosts want permits. */
  reported(isWaiting: boolean): void {
    if (isWaiting || this.#isHinted || this.#isHintNew) this.#step();
  }

  /** Brings the gauges up to date. */
  refreshGauges(): void {
    this.#options.metrics.set(this.status());
  }

  /** For `GET /api/status` and metrics. */
  status(): FleetStatus {
    const { now, wall } = this.#times();
    const { host, valkey } = this.#options;
    return {
      host,
      state: this.#lease.state(now, wall),
      hosts: this.#lease.hosts,
      incarnation: this.#lease.incarnation,
      lease_ends_in_ms: Math.max(0, Math.round(this.#lease.endsAt - now)),
      problem:
        this.#problem ?? (valkey.runId === undefined ? 'Valkey is not connected; GET /api/health says why' : null),
      backends: this.#shared().map(({ upstream, backend, isStrict, use }) => ({
        upstream,
        backend,
        ...this.#lease.permitsOf(use.backend, { now, wall, isStrict }),
        in_use: use.inUse,
        wanted_by_all: this.#lease.toldOf(use.backend)?.wanted ?? 0,
        cap: this.#lease.toldOf(use.backend)?.cap ?? use.cap,
      })),
    };
  }

  /** Gives everything back at once if all workers have ended; otherwise the next control goes on with the lease. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#unsubscribe();
    if (!this.#options.leases.isOver) return;
    // First, because the next control must not use what this call gives back.
    rmSync(this.#options.path, { force: true });
    try {
      await this.#options.valkey.call(
        fleetLibrary.named('leave'),
        [FLEET_PREFIX],
        [this.#options.host, this.#lease.incarnation],
      );
    } catch (error) {
      // Whatever it was, the host must stop.
      if (!(error instanceof ValkeyUnavailable)) this.#options.bugs.report('fleet', error);
      this.#options.log.warn(
        { problem: messageOf(error) },
        'this host could not leave its fleet: its permits come back later',
      );
    }
  }

  get #isHintNew(): boolean {
    return this.#options.clock.now() - this.#hintedAt < HINT_LASTS_MS;
  }

  /**
   * Other hosts want permits. A worker without waiting requests reports its use seldom, so the workers are asked first:
   * otherwise control would keep permits for requests that have ended.
   */
  #hinted(): void {
    this.#isHinted = true;
    this.#hintedAt = this.#options.clock.now();
    const { upstreams, leases } = this.#options;
    const asked = upstreams().filter(({ fleet, name }) => fleet !== undefined && leases.recallShared(name));
    if (asked.length === 0) this.#step();
  }

  #tick(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tick();
      this.#step();
    }, TICK_MS);
  }

  #times(): { now: number; wall: number } {
    const { clock } = this.#options;
    return { now: clock.now() + this.#offsetMs, wall: clock.wallNow() };
  }

  #step(): void {
    if (this.#isClosed) return;
    const shared = this.#shared();
    const uses = shared.map(({ use }) => use);
    const { now, wall } = this.#times();
    this.#lease.retain(new Set(uses.map(({ backend }) => backend)));
    const isDue = this.#lease.look(uses, now, this.#isHintNew) || this.#isHinted;
    this.#apply(shared, now, wall);
    const { runId } = this.#options.valkey;
    if (runId === undefined || this.#isCalling || uses.length === 0) return;
    const isShort = shared.some(
      ({ isStrict, use: { backend, queued, inUse } }) =>
        queued > 0 && inUse >= this.#lease.permitsOf(backend, { now, wall, isStrict }).permits,
    );
    if (!this.#lease.isCallDue(now, isDue, isShort)) return;
    this.#isHinted = false;
    void this.#call(shared, { now, wall, runId });
  }

  async #call(shared: readonly Shared[], at: { now: number; wall: number; runId: string }): Promise<void> {
    const { valkey, metrics, random, bugs, host } = this.#options;
    this.#isCalling = true;
    try {
      const sent = this.#lease.call(this.#called(shared), at);
      // Before it is sent: the next control must not use what this call gives back.
      this.#save();
      // Until the answer is here, the host must not use more than it has just claimed.
      this.#apply(shared, at.now, at.wall);
      const text = await valkey.call(fleetLibrary.named('renew'), [FLEET_PREFIX], [JSON.stringify(sent.call)]);
      const answer = parseFleetAnswer(text);
      this.#lease.answered(sent, answer, { ...this.#times(), random: random() });
      metrics.called(answer.status === 'granted' ? 'granted' : 'refused');
      this.#note(answer.status === 'superseded' ? `another process runs as the host ${host}` : undefined);
      this.#save();
    } catch (error) {
      metrics.called('failed');
      if (error instanceof ValkeyUnavailable) this.#note(error.message);
      else {
        this.#note(`the answer of Valkey cannot be used: ${messageOf(error).slice(0, 200)}`);
        bugs.report('fleet', error);
      }
    }
    this.#isCalling = false;
    this.#step();
  }

  /** The service times are looked up only here, because a step comes with every report of a worker whose requests wait. */
  #called(shared: readonly Shared[]): CalledUse[] {
    const quarantines = new Map<string, number>();
    for (const { upstream, fleet } of shared) {
      if (!quarantines.has(upstream)) quarantines.set(upstream, quarantineMsOf(fleet, this.#options.meanMs(upstream)));
    }
    return shared.map(({ upstream, use }) => ({ ...use, quarantineMs: quarantines.get(upstream) ?? 0 }));
  }

  /** Lets the host use the permits that the lease grants now. */
  #apply(shared: readonly Shared[], now: number, wall: number): void {
    for (const { upstream, backend, isStrict, use } of shared) {
      const granted = this.#lease.permitsOf(use.backend, { now, wall, isStrict });
      this.#options.leases.grant(upstream, backend, granted);
    }
    const end = this.leaseEnd(shared);
    if (end.endsAt === this.#told?.endsAt && end.standing === this.#told.standing) return;
    this.#told = end;
    this.#options.tellEnd(end);
  }

  #shared(): Shared[] {
    return this.#options.upstreams().flatMap((config) => {
      const { fleet, name } = config;
      if (fleet === undefined) return [];
      return this.#options.leases.shared(name).map(({ id, origin, cap, bound, inUse, queued }) => ({
        upstream: name,
        backend: id,
        fleet,
        isStrict: fleet.mode === 'strict',
        use: {
          backend: `${name} ${origin}`,
          cap,
          floorShare: fleet.floorShare,
          firstFloor: firstFloor(cap, fleet),
          bound,
          inUse,
          queued,
        },
      }));
    });
  }

  #note(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log, host } = this.#options;
    if (problem === undefined) log.info({ host }, 'the lease of this host in its fleet is renewed again');
    else
      log.warn(
        { host, problem },
        'the lease of this host cannot be renewed; it ends with the permits beyond the floors',
      );
  }

  #save(): void {
    // An answer that comes later is not used, and what was given back must not be in the file again.
    if (this.#isClosed) return;
    const { path, host, log } = this.#options;
    try {
      saveFleetLease(path, host, this.#lease.saved());
      this.#isUnwritten = false;
    } catch (error) {
      if (!this.#isUnwritten)
        log.warn({ err: error }, 'the lease in the fleet cannot be written down: the next control begins without it');
      this.#isUnwritten = true;
    }
  }
}
