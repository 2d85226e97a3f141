import type { Clock } from '../core/clock.ts';
import type { Bugs } from '../metrics/bugs.ts';
import { Breaker } from '../policy/rate/breaker.ts';
import type { FleetView } from '../policy/rate/fleet-subject.ts';
import type { FleetTokenStore } from '../store/valkey/valkey-tokens.ts';
import { valkeyFailure, type ValkeyUnavailable } from '../store/valkey/valkey-unavailable.ts';
import { NamedTimers } from './named-timers.ts';

/** How often the host announces itself. */
const ANNOUNCE_MS = 3000;
/** How often a store that has failed is tried. */
const PROBE_MS = 250;

/** The number of hosts that was known last, for a start without Valkey. */
export interface SavedHosts {
  load(): number | undefined;
  save(hosts: number): void;
}

export interface FleetPresenceOptions {
  readonly clock: Clock;
  readonly bugs: Bugs;
  readonly store: FleetTokenStore;
  readonly hostId: string;
  readonly saved: SavedHosts;
}

/** This host among those that share limits: how many there are, and whether their store can be asked. */
export class FleetPresence {
  readonly #options: FleetPresenceOptions;
  readonly #timers: NamedTimers;
  readonly #breaker = new Breaker();
  readonly #onHosts: () => void;
  #hosts: number;
  #heardAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;

  /** `onHosts`: called when there are more or fewer hosts than before. */
  constructor(options: FleetPresenceOptions, onHosts: () => void) {
    this.#options = options;
    this.#onHosts = onHosts;
    this.#timers = new NamedTimers(options.clock, options.bugs, 'fleet-limits');
    this.#hosts = options.saved.load() ?? 1;
    void this.#announce();
  }

  get hosts(): number {
    return this.#hosts;
  }

  /** Whether the store has failed several times in a row. */
  get isOpen(): boolean {
    return this.#breaker.isOpen;
  }

  /** Whether the store cannot be asked. */
  get isAway(): boolean {
    return this.#breaker.isOpen || this.#options.store.runId === undefined;
  }

  /** Why the last ask has failed, or cannot be sent. */
  get problem(): string | undefined {
    return this.#problem ?? this.#options.store.problem;
  }

  viewAt(now: number): FleetView {
    return { hosts: this.#hosts, silentMs: now - this.#heardAt };
  }

  /** The store has answered, and said how many hosts there are. */
  succeeded(hosts = this.#hosts): void {
    if (hosts !== this.#hosts && hosts > 0) {
      this.#hosts = hosts;
      this.#options.saved.save(hosts);
      this.#onHosts();
    }
    this.#heardAt = this.#options.clock.now();
    this.#problem = undefined;
    this.#breaker.succeeded();
  }

  failed({ message }: ValkeyUnavailable): void {
    this.#problem = message;
    this.#breaker.failed();
    if (this.#breaker.isOpen) this.#probeSoon();
  }

  async close(): Promise<void> {
    this.#timers.close();
    const { store, hostId, bugs } = this.#options;
    // Without Valkey the other hosts forget this one after a while, so its failure needs no report.
    await store
      .leave(hostId)
      .catch((error: unknown) => valkeyFailure(error, (bug) => bugs.report('fleet-limits', bug)));
  }

  /** Also the probe of a store that has failed. */
  async #announce(): Promise<void> {
    const { store, hostId, bugs } = this.#options;
    try {
      this.succeeded(await store.announce(hostId));
      this.#timers.start('announce', ANNOUNCE_MS, () => void this.#announce());
    } catch (error) {
      this.failed(valkeyFailure(error, (bug) => bugs.report('fleet-limits', bug)));
      this.#probeSoon();
    }
  }

  #probeSoon(): void {
    this.#timers.start('probe', PROBE_MS, () => void this.#announce());
  }
}
