import type { Clock, Timer } from '../../core/clock.ts';
import { LeaseState } from '../../policy/permits/lease-state.ts';
import type { HostLoad, LeaseOrder, LeaseReport } from '../../protocol/lease.ts';
import type { Backend } from './backend.ts';
import type { Upstream } from './upstream.ts';

/** How soon a call for permits may follow another, and how often it is repeated while work waits. */
const CALL_SPACING_MS = 2;
const REPEAT_MS = 20;
/** How often it is looked at whether control has been away for too long. */
const PATROL_MS = 250;

export interface LeaseClientOptions {
  readonly upstream: Upstream;
  /** Permits of each backend that it takes when control stays away. */
  readonly share: number;
  readonly clock: Clock;
  /** Sends to control; what cannot be sent is said again later. */
  readonly send: (upstream: string, report: LeaseReport) => void;
}

/** Keeps the permits of one upstream in step with control: asks when work waits, gives back what is asked for. */
export class LeaseClient {
  readonly #options: LeaseClientOptions;
  readonly #holder: LeaseState;
  /** Since when nothing has been heard of control; a connection alone proves nothing, as a hung one has them too. */
  #awaySince: number | undefined;
  #isConnected = false;
  #isKnown = true;
  #lastCallAt = Number.NEGATIVE_INFINITY;
  #callTimer: Timer | undefined;
  #checkTimer: Timer | undefined;
  #reportSoon = false;
  /** Whether the last report said that work waits here: the other workers count it with theirs. */
  #saidQueued = false;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
    this.#holder = new LeaseState(options.upstream.slots.map(() => options.share));
    this.#awaySince = options.clock.now();
    options.upstream.onNeed = () => this.#call();
    options.upstream.onReturn = (backend, before) => this.#returned(backend, before);
    this.#check();
  }

  get upstream(): string {
    return this.#options.upstream.name;
  }

  /** A new connection to control: what the worker holds, to be said first. */
  connected(): readonly number[] {
    this.#isConnected = true;
    this.#holder.connected();
    return this.#report().held;
  }

  /** Takes up what control tells of the other workers. */
  applyLoad(load: HostLoad): void {
    this.#options.upstream.useHostLoad(load);
  }

  /**
   * What control leases of this upstream; undefined where it does not know the upstream. Then it is as if it were away,
   * and of a backend that it does not know this worker has its share. Called whenever the backends have changed.
   */
  leasedByControl(ids: readonly string[] | undefined): void {
    this.#isKnown = ids !== undefined;
    const { upstream, share, clock } = this.#options;
    if (ids === undefined) this.#awaySince ??= clock.now();
    const present = upstream.slots.map((backend) => (backend?.isLeaving === false ? backend : undefined));
    this.#holder.useBackends(
      present.map((backend) => (backend === undefined ? 0 : share)),
      present.map((backend) => backend !== undefined && (ids === undefined || ids.includes(backend.id))),
    );
    this.#usePermits();
    // Permits of a backend that left were given up: control may not think of them as held when it is back.
    this.#tell();
  }

  /** Control has said something. */
  heard(): void {
    if (this.#isKnown) this.#awaySince = undefined;
  }

  /** Control is gone, or silent for too long. */
  lost(): void {
    this.#isConnected = false;
    this.#isKnown = true;
    this.#options.upstream.useHostLoad(undefined);
    this.#awaySince ??= this.#options.clock.now();
  }

  /** Carries out what control says, and answers. */
  apply(order: LeaseOrder): void {
    this.#holder.apply(order, this.#options.upstream.leaseUse());
    this.#usePermits();
    this.#tell();
  }

  close(): void {
    this.#callTimer?.cancel();
    this.#checkTimer?.cancel();
  }

  #usePermits(): void {
    this.#options.upstream.usePermits(this.#holder.permits);
  }

  #report(): LeaseReport {
    return this.#holder.report(this.#options.upstream.leaseUse());
  }

  #tell(): void {
    if (!this.#isConnected) return;
    const report = this.#report();
    this.#saidQueued = report.queued > 0;
    this.#options.send(this.upstream, report);
  }

  /** Work waits: control is told at once, then again and again for as long as it does. */
  #call(): void {
    if (this.#callTimer !== undefined) return;
    const { clock, upstream } = this.#options;
    const wait = this.#lastCallAt + CALL_SPACING_MS - clock.now();
    if (wait > 0) {
      this.#callAgain(wait);
      return;
    }
    this.#lastCallAt = clock.now();
    if (upstream.leaseUse().queued > 0) this.#tell();
    if (upstream.queueDepth > 0) this.#callAgain(REPEAT_MS);
  }

  #callAgain(afterMs: number): void {
    this.#callTimer = this.#options.clock.setTimeout(() => {
      this.#callTimer = undefined;
      if (this.#options.upstream.queueDepth > 0) this.#call();
      else if (this.#saidQueued) this.#tell();
    }, afterMs);
  }

  /** A permit that has been recalled goes back as soon as its request has ended. */
  #returned(backend: Backend, before: number): void {
    if (this.#reportSoon || !this.#holder.isOverdrawn(backend.index, before)) return;
    this.#reportSoon = true;
    const report = (): void => {
      this.#reportSoon = false;
      this.#tell();
    };
    queueMicrotask(this.#options.upstream.bugs.guard('lease', report));
  }

  #check(): void {
    const { clock } = this.#options;
    this.#checkTimer = clock.setTimeout(() => {
      if (this.#awaySince !== undefined) {
        const before = this.#holder.permits;
        this.#holder.withoutControl(clock.now() - this.#awaySince);
        if (this.#holder.permits !== before) this.#usePermits();
      } else if (this.#options.upstream.isAdaptive) this.#tell();
      this.#check();
    }, PATROL_MS);
  }
}
