import type { Clock, Timer } from '../../core/clock.ts';
import { LeaseState } from '../../policy/permits/lease-state.ts';
import type { HostLoad, LeaseOrder, LeaseReport } from '../../protocol/lease.ts';
import type { FleetStanding } from '../../protocol/messages.ts';
import type { Leased, LeasedBackend } from './leased.ts';

/** How soon a call for permits may follow another, and how often it is repeated while work waits. */
const CALL_SPACING_MS = 2;
const REPEAT_MS = 20;
/** How often it checks whether control has been unavailable for too long. */
const PATROL_MS = 250;

export interface LeaseClientOptions {
  readonly upstream: Leased;
  /** Permits of each backend that it takes while control stays unavailable. */
  readonly share: number;
  readonly clock: Clock;
  /** Sends a report to control; a report that cannot be sent is repeated later. */
  readonly send: (upstream: string, report: LeaseReport) => void;
}

/**
 * Keeps the permits of one upstream in step with control: asks for permits when work waits, and gives recalled ones
 * back.
 */
export class LeaseClient {
  readonly #options: LeaseClientOptions;
  readonly #holder: LeaseState;
  /**
   * Since when control has been silent. An open connection proves nothing, because a control that hangs keeps its
   * connections.
   */
  #awaySince: number | undefined;
  #isConnected = false;
  #isKnown = true;
  #share: number;
  #lastCallAt = Number.NEGATIVE_INFINITY;
  #callTimer: Timer | undefined;
  #checkTimer: Timer | undefined;
  #endTimer: Timer | undefined;
  #reportSoon = false;
  /** Whether the last report said that work waits here; the other workers add that work to theirs. */
  #saidQueued = false;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
    this.#share = options.share;
    this.#holder = new LeaseState(options.upstream.slots.map(() => options.share));
    this.#awaySince = options.clock.now();
    if (options.upstream.leaseEnd !== undefined) options.upstream.leaseEnd.onEnd = () => this.#leaseEnded();
    options.upstream.onNeed = () => this.#call();
    options.upstream.onReturn = (backend, before) => this.#returned(backend, before);
    this.#check();
  }

  /** Whether it leases the permits of this. */
  isOf(leased: Leased): boolean {
    return this.#options.upstream === leased;
  }

  get upstream(): string {
    return this.#options.upstream.name;
  }

  /** The ids of the backends, by position. */
  get ids(): (string | undefined)[] {
    return this.#options.upstream.slots.map((backend) => backend?.id);
  }

  /** The permits that it holds, by position. */
  get held(): readonly number[] {
    return this.#report().held;
  }

  /** A new connection to control. Returns the report of the held permits, which must be the first message. */
  connected(): readonly number[] {
    this.#isConnected = true;
    this.#holder.connected();
    return this.#report().held;
  }

  /** Takes over the load of the other workers from control. */
  applyLoad(load: HostLoad): void {
    this.#options.upstream.useHostLoad(load);
  }

  /**
   * Sets the backends of this upstream for which control leases permits; undefined if control does not know the
   * upstream. For an unknown upstream or backend, this worker takes its equal share, as if control were unavailable.
   * Called whenever the backends have changed.
   */
  leasedByControl(ids: readonly string[] | undefined): void {
    this.#isKnown = ids !== undefined;
    const { upstream, clock } = this.#options;
    const share = this.#share;
    if (ids === undefined) this.#awaySince ??= clock.now();
    const present = upstream.slots.map((backend) => (backend?.isLeaving === false ? backend : undefined));
    this.#holder.useBackends(
      present.map((backend) => (backend === undefined ? 0 : share)),
      present.map((backend) => backend !== undefined && (ids === undefined || ids.includes(backend.id))),
    );
    this.#usePermits();
    // Permits of a backend that left were given up; control must hear of that when it is back.
    this.#tell();
  }

  /** Another number of permits of each backend, for when control is away; the next list of backends puts it to use. */
  useShare(share: number): void {
    this.#share = share;
  }

  /** A message of control has come. */
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

  /** Carries out an order of control, and answers it. */
  apply(order: LeaseOrder): void {
    this.#holder.apply(order, this.#options.upstream.leaseUse());
    this.#usePermits();
    this.#tell();
  }

  /** The host's lease in its fleet ends at this time of the clock. */
  useLeaseEnd(at: number, standing: FleetStanding = 'member'): void {
    const { upstream, clock } = this.#options;
    if (upstream.leaseEnd === undefined) return;
    upstream.leaseEnd.useStanding(standing, clock.now());
    upstream.leaseEnd.at = at;
    this.#endTimer?.cancel();
    this.#endTimer = clock.setTimeout(() => upstream.leaseEnd?.check(clock.now()), Math.max(0, at - clock.now()));
  }

  #leaseEnded(): void {
    this.#holder.leaseEnded();
    this.#usePermits();
    this.#tell();
  }

  close(): void {
    this.#endTimer?.cancel();
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

  /** Work waits: calls control at once, and repeats the call for as long as work waits. */
  #call(): void {
    if (this.#callTimer !== undefined) return;
    const { clock, upstream } = this.#options;
    const wait = this.#lastCallAt + CALL_SPACING_MS - clock.now();
    if (wait > 0) {
      this.#callAgain(wait);
      return;
    }
    this.#lastCallAt = clock.now();
    const { queued, wanted } = upstream.leaseUse();
    if (queued > 0 || wanted !== undefined) this.#tell();
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
  #returned(backend: LeasedBackend, before: number): void {
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
      } else if (this.#options.upstream.isAdaptive || this.#options.upstream.leaseEnd !== undefined) this.#tell();
      this.#check();
    }, PATROL_MS);
  }
}
