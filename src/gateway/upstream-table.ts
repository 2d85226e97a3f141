import type { Config, UpstreamConfig } from '../config/model.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { firstFloor } from '../config/fleet.ts';
import { staticShare } from '../policy/permits/shares.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { LeaseReport } from '../protocol/lease.ts';
import { BULK_ID, bulkLeaseOf } from '../protocol/bulk-lease.ts';
import { LeaseClient } from './upstream/lease-client.ts';
import type { Upstream } from './upstream/upstream.ts';

export interface UpstreamTableOptions {
  readonly config: Config;
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
  readonly open: (config: UpstreamConfig) => Upstream;
  /** Undefined without control: then no permits are leased. */
  readonly send: ((upstream: string, report: LeaseReport) => void) | undefined;
}

/** The upstreams of the next configuration; nothing uses the new ones among them before `commit`. */
export interface PreparedUpstreams {
  readonly upstreams: readonly Upstream[];
  commit(): void;
  abandon(): void;
}

/** How often it checks whether the last request at an upstream that has left has ended. */
const RETIRE_POLL_MS = 250;

/**
 * The upstreams of a worker and its leases of their permits. An upstream that a new configuration leaves out stays until
 * the requests of the configurations that had it have ended; if another configuration has it again before, it is the same
 * object, so that its requests in flight stay within the cap.
 */
export class UpstreamTable {
  readonly #options: UpstreamTableOptions;
  #config: Config;
  readonly #upstreams = new Map<string, Upstream>();
  readonly #leases = new Map<string, LeaseClient>();
  #isConnected = false;
  readonly #leaving = new Set<string>();
  #retireTimer: Timer | undefined;

  constructor(options: UpstreamTableOptions) {
    this.#options = options;
    this.#config = options.config;
    for (const upstream of options.upstreams) this.#add(upstream);
  }

  /** All of them, those included that have left. */
  all(): Upstream[] {
    return [...this.#upstreams.values()];
  }

  find(name: string): Upstream | undefined {
    return this.#upstreams.get(name);
  }

  leases(): LeaseClient[] {
    return [...this.#leases.values()];
  }

  leaseOf(name: string): LeaseClient | undefined {
    return this.#leases.get(name);
  }

  /** The backends of an upstream in the order of the counts in its lease messages; undefined for a vacant position. */
  idsOf(upstream: string): (string | undefined)[] {
    return this.#leases.get(upstream)?.ids ?? [];
  }

  /** A new connection to control. Returns the permits that this worker holds, by upstream. */
  connected(): Record<string, readonly number[]> {
    this.#isConnected = true;
    return Object.fromEntries([...this.#leases].map(([name, lease]) => [name, lease.connected()]));
  }

  /** The permits that this worker holds, by upstream. */
  held(): Record<string, readonly number[]> {
    return Object.fromEntries([...this.#leases].map(([name, lease]) => [name, lease.held]));
  }

  lost(): void {
    this.#isConnected = false;
    for (const lease of this.#leases.values()) lease.lost();
  }

  prepare(config: Config): PreparedUpstreams {
    const opened: Upstream[] = [];
    const upstreams = config.upstreams.map((wanted) => {
      const known = this.#upstreams.get(wanted.name);
      if (known !== undefined) return known;
      const upstream = this.#options.open(wanted);
      opened.push(upstream);
      return upstream;
    });
    return {
      upstreams,
      commit: () => this.#commit(config, opened),
      abandon: () => {
        for (const upstream of opened) discard(upstream);
      },
    };
  }

  #commit(config: Config, opened: readonly Upstream[]): void {
    const previous = this.#config;
    this.#config = config;
    for (const wanted of config.upstreams) {
      const upstream = this.#upstreams.get(wanted.name);
      if (upstream === undefined || previous.upstreams.includes(wanted)) continue;
      upstream.useConfig(wanted);
      this.#leases.get(wanted.name)?.useShare(this.#shareOf(wanted.name));
      this.#tellLease(wanted.name, wanted.discover === undefined ? wanted.backends : upstream.backends);
      this.#addBulk(upstream);
      if (this.#isConnected) this.#tellBulk(upstream);
    }
    this.#leaving.clear();
    for (const name of this.#upstreams.keys()) {
      if (!config.upstreams.some((wanted) => wanted.name === name)) this.#leaving.add(name);
    }
    for (const upstream of opened) {
      this.#add(upstream);
      if (!this.#isConnected) continue;
      this.#leases.get(upstream.name)?.connected();
      this.#tellLease(upstream.name, upstream.backends);
      this.#tellBulk(upstream);
    }
  }

  /** The lease of the permits for bulk requests, where some are reserved for interactive ones. */
  #addBulk({ bulk, name }: Upstream): void {
    const { clock, send } = this.#options;
    const wanted = this.#config.upstreams.find((one) => one.name === name);
    if (bulk === undefined || send === undefined || wanted?.reserved === undefined) return;
    const share = staticShare(
      Math.max(1, wanted.backends.length * wanted.cap - wanted.reserved),
      this.#config.env.GATEWAY_WORKERS,
    );
    const known = this.#leases.get(bulk.name);
    known?.useShare(share);
    if (known?.isOf(bulk) === true) return;
    known?.close();
    this.#leases.set(bulk.name, new LeaseClient({ upstream: bulk, share, clock, send }));
  }

  #tellBulk({ bulk }: Upstream): void {
    const lease = bulk && this.#leases.get(bulk.name);
    lease?.connected();
    lease?.leasedByControl([BULK_ID]);
  }

  /** New backends have no permits before control grants some, or has been away for too long. */
  #tellLease(name: string, backends: readonly Pick<BackendConfig, 'id'>[]): void {
    this.#leases.get(name)?.leasedByControl(backends.map(({ id }) => id));
  }

  /** Closes the upstreams that the present configuration does not have, once nothing is in flight there. */
  retire(): void {
    for (const name of this.#leaving) {
      const upstream = this.#upstreams.get(name);
      if (upstream?.isIdle !== true) continue;
      this.#leaving.delete(name);
      this.#leases.get(name)?.close();
      this.#leases.delete(name);
      this.#leases.get(bulkLeaseOf(name))?.close();
      this.#leases.delete(bulkLeaseOf(name));
      this.#upstreams.delete(name);
      discard(upstream);
    }
    if (this.#leaving.size === 0 || this.#retireTimer !== undefined) return;
    this.#retireTimer = this.#options.clock.setTimeout(() => {
      this.#retireTimer = undefined;
      this.retire();
    }, RETIRE_POLL_MS);
  }

  /** The worker ends. */
  async close(): Promise<void> {
    this.#retireTimer?.cancel();
    for (const lease of this.#leases.values()) lease.close();
    await Promise.all(this.all().map((upstream) => upstream.close()));
  }

  #add(upstream: Upstream): void {
    const { clock, send } = this.#options;
    this.#upstreams.set(upstream.name, upstream);
    if (send === undefined) return;
    const share = this.#shareOf(upstream.name);
    this.#leases.set(upstream.name, new LeaseClient({ upstream, share, clock, send }));
    this.#addBulk(upstream);
  }

  #shareOf(name: string): number {
    const wanted = this.#config.upstreams.find((one) => one.name === name);
    const workers = this.#config.env.GATEWAY_WORKERS;
    const cap = wanted?.cap ?? 1;
    // Without a word from control, a host of a fleet knows no other share than that of the hosts that are expected.
    return wanted?.fleet === undefined
      ? staticShare(cap, workers)
      : Math.floor(firstFloor(cap, wanted.fleet) / workers);
  }
}

/** Closes an upstream that nothing uses any more; its backends leave, and their gauges with them. */
function discard(upstream: Upstream): void {
  upstream.useBackends([]);
  void upstream.close();
}
