import type { BackendConfig } from '../../protocol/backends.ts';
import type { Clock } from '../../core/clock.ts';
import { OutlierDetector } from '../../policy/health/outliers.ts';
import { Slots } from '../../policy/permits/slots.ts';
import type { Backend, ConnectionSettings } from './backend.ts';

export interface BackendSetOptions {
  readonly backends: readonly BackendConfig[];
  /** Makes the backend at a position. */
  readonly open: (config: BackendConfig, index: number) => Backend;
  /** Whether control checks the backends. */
  readonly isChecked: boolean;
  readonly clock: Clock;
}

/**
 * The backends of one upstream: which are present, which are leaving, and which are ejected because of their results.
 */
export class BackendSet {
  readonly #open: BackendSetOptions['open'];
  #isChecked: boolean;
  #connection: ConnectionSettings | undefined;
  readonly #clock: Clock;
  readonly #outliers: OutlierDetector;
  readonly #slots: Slots<Backend>;
  #present: readonly Backend[];
  /** Those that are no backups; undefined if none is a backup. */
  #primaries: readonly Backend[] | undefined;

  constructor({ backends, open, isChecked, clock }: BackendSetOptions) {
    this.#open = open;
    this.#isChecked = isChecked;
    this.#clock = clock;
    this.#outliers = new OutlierDetector(backends.length, clock.now());
    this.#present = backends.map(open);
    this.#slots = new Slots(this.#present);
    this.#primaries = primariesOf(this.#present);
  }

  /** The backends that take new requests. */
  get present(): readonly Backend[] {
    return this.#present;
  }

  /** The backends among which one is chosen: all but the backups, while one of them can be used. */
  get usable(): readonly Backend[] {
    if (this.#primaries === undefined) return this.#present;
    return this.#primaries.some(({ available }) => available) ? this.#primaries : this.#present;
  }

  /** By position, as in the leases, with the backends that are leaving; undefined at a vacant position. */
  get slots(): readonly (Backend | undefined)[] {
    return this.#slots.items;
  }

  /** Ejections since the start. */
  get ejections(): number {
    return this.#outliers.ejections;
  }

  /** When suspensions and ejections end. */
  returnsAfter(now: number): number[] {
    return this.#present.flatMap(({ availableAt }) => (availableAt > now ? [availableAt] : []));
  }

  /** Replaces the settings of all backends. Without health checks every backend counts as up. */
  useSettings(isChecked: boolean, connection: ConnectionSettings): void {
    if (!isChecked) for (const backend of this.#present) backend.healthy = true;
    this.#isChecked = isChecked;
    this.#connection = connection;
    for (const backend of this.#slots.items) backend?.useConnection(connection);
  }

  /** Replaces the backends. The requests in flight at a backend that is no longer listed run to their end. */
  use(wanted: readonly BackendConfig[]): void {
    for (const backend of this.#present) {
      if (!wanted.some(({ id }) => id === backend.id)) this.#leave(backend);
    }
    this.#present = wanted.map((config) => this.#known(config) ?? this.#join(config));
    this.#primaries = primariesOf(this.#present);
    this.applyEjections();
  }

  /** Closes a backend that has left, once no request is in flight there. */
  retireIfIdle(backend: Backend): void {
    if (!backend.isLeaving || backend.inFlight > 0 || backend.streams > 0) return;
    this.#slots.release(backend.index);
    backend.retire();
  }

  /** The result of a request that was sent at `startedAt`. */
  record(backend: Backend, isSuccess: boolean, startedAt: number): void {
    // Another backend may have the position of one that has left by now.
    if (backend.isLeaving) return;
    const before = this.#outliers.ejections;
    this.#outliers.record(backend.index, isSuccess, this.#clock.now(), startedAt);
    if (this.#outliers.ejections !== before) this.applyEjections();
  }

  /** If too few backends are left, none counts as ejected, because that would only overload the rest. */
  applyEjections(): void {
    const now = this.#clock.now();
    const usable = this.#present.filter(({ healthy, index }) => healthy && !this.#outliers.isEjected(index, now));
    const panic = this.#outliers.inPanic(usable.length, this.#present.length);
    for (const backend of this.#present) backend.eject(panic ? 0 : this.#outliers.ejectedUntil(backend.index));
  }

  async close(): Promise<void> {
    await Promise.all(this.#slots.items.map((backend) => backend?.close()));
  }

  #known({ id, origin, isBackup = false }: BackendConfig): Backend | undefined {
    const known = this.#slots.items.find((backend) => backend?.id === id);
    if (known === undefined) return undefined;
    known.moveTo(origin);
    known.isBackup = isBackup;
    if (known.isLeaving) this.#joined(known);
    return known;
  }

  #join(config: BackendConfig): Backend {
    const backend = this.#open(config, this.#slots.vacant());
    if (this.#connection !== undefined) backend.useConnection(this.#connection);
    this.#slots.put(backend.index, backend);
    this.#joined(backend);
    return backend;
  }

  /** It takes requests from its first good check on. */
  #joined(backend: Backend): void {
    backend.isLeaving = false;
    backend.healthy = !this.#isChecked;
    this.#outliers.joined(backend.index);
  }

  #leave(backend: Backend): void {
    backend.isLeaving = true;
    backend.cap = 0;
    this.#outliers.left(backend.index);
    this.retireIfIdle(backend);
  }
}

function primariesOf(backends: readonly Backend[]): readonly Backend[] | undefined {
  return backends.some(({ isBackup }) => isBackup) ? backends.filter(({ isBackup }) => !isBackup) : undefined;
}
