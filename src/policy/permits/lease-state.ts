import type { LeaseOrder, LeaseRecall, LeaseReport } from '../../protocol/lease.ts';

/** The present use of a worker's permits. */
export interface LeaseUse {
  /** Requests in flight at each backend. */
  readonly inFlight: readonly number[];
  readonly queued: number;
  /** Of those that wait. */
  readonly bulk?: number;
  /** Of those that wait: bulk requests that could not use a permit, because others are reserved. */
  readonly blocked?: number | undefined;
  /** Requests that wait for a permit of a certain backend, as that of their session. */
  readonly wanted?: readonly number[] | undefined;
  /** Requests that have ended, and their time in flight. */
  readonly ended?: number;
  readonly busyMs?: number;
}

/** Without control for this long, what exceeds the fallback is given up; the same again, and what is below it is taken. */
export const PATIENCE_MS = 2000;
/** A worker that has never heard of control serves with its fallback after this long. */
const FIRST_PATIENCE_MS = 1000;

/**
 * The worker's half of the leases of one upstream.
 * It may start a request at a backend while fewer than `permits` are in flight there, and holds the larger of the two:
 * a permit that is in use when it is recalled goes back when its request has ended.
 */
export class LeaseState {
  #permits: readonly number[];
  #fallback: readonly number[];
  /** Its share of the backends that control does not lease. */
  #share: readonly number[];
  #isLeased: readonly boolean[];
  #seen = 0;
  #heard = false;

  /** `fallback`: what it falls back to when it has never heard of control. */
  constructor(fallback: readonly number[]) {
    this.#permits = fallback.map(() => 0);
    this.#fallback = fallback;
    this.#share = fallback;
    this.#isLeased = fallback.map(() => true);
  }

  /** Permits of each backend that may be in use. */
  get permits(): readonly number[] {
    return this.#permits;
  }

  /** A new connection to control: it counts its orders from one again. */
  connected(): void {
    this.#seen = 0;
  }

  /**
   * The backends have changed. `share`: what it takes of each on its own, 0 of one that has left. `isLeased`: whether
   * control leases permits of it; of the others this worker takes its share.
   */
  useBackends(share: readonly number[], isLeased: readonly boolean[]): void {
    const wasShared = this.#share;
    // A share that was 0 belonged to no backend, or to one that had left.
    this.#fallback = share.map((own, backend) =>
      own > 0 && (wasShared[backend] ?? 0) > 0 ? (this.#fallback[backend] ?? own) : own,
    );
    this.#share = share;
    this.#isLeased = isLeased;
    this.#permits = this.#withOwn(share.map((_, backend) => this.#permits[backend] ?? 0));
  }

  #withOwn(permits: readonly number[]): readonly number[] {
    if (!this.#isLeased.includes(false)) return permits;
    return this.#share.map((share, backend) => (this.#isLeased[backend] === true ? (permits[backend] ?? 0) : share));
  }

  /** Carries out what control says; a recall must be answered with a report. */
  apply(order: LeaseOrder, use: LeaseUse): void {
    this.#seen = order.number;
    this.#heard = true;
    if (order.kind === 'grant') {
      this.#permits = this.#withOwn(order.permits);
      this.#fallback = this.#withOwn(order.fallback);
    } else {
      this.#permits = this.#withOwn(this.#permits.map((permits, backend) => keep(order, backend, permits, use)));
    }
  }

  report({ inFlight, queued, bulk = 0, blocked = 0, wanted, ended, busyMs }: LeaseUse): LeaseReport {
    const held = this.#permits.map((permits, backend) => Math.max(permits, inFlight[backend] ?? 0));
    const sum = inFlight.reduce((all, count) => all + count, 0);
    const report = {
      seen: this.#seen,
      held,
      queued,
      bulk,
      inFlight: sum,
      used: inFlight,
      ...(blocked > 0 && { blocked }),
      ...(wanted && { wanted }),
    };
    return ended === undefined || busyMs === undefined ? report : { ...report, ended, busyMs };
  }

  /** Whether a permit that has been recalled is still in use. */
  isOverdrawn(backend: number, inFlight: number): boolean {
    return inFlight > (this.#permits[backend] ?? 0);
  }

  /**
   * Control has been away for `awayMs`: what it has given is used on, as it may be back soon; then all workers go to
   * their equal shares, those that hold more first, so that the sum stays within the caps.
   */
  withoutControl(awayMs: number): void {
    if (!this.#heard && awayMs >= FIRST_PATIENCE_MS) this.#permits = this.#fallback;
    if (awayMs >= PATIENCE_MS) this.#permits = this.#combine(Math.min);
    if (awayMs >= 2 * PATIENCE_MS) this.#permits = this.#combine(Math.max);
  }

  /** The host's lease in its fleet has ended: what exceeds the host's floors is given up at once. */
  leaseEnded(): void {
    this.#permits = this.#combine(Math.min);
  }

  #combine(choose: (permits: number, fallback: number) => number): number[] {
    return this.#permits.map((permits, backend) => choose(permits, this.#fallback[backend] ?? 0));
  }
}

function keep(recall: LeaseRecall, backend: number, permits: number, use: LeaseUse): number {
  const limit = recall.limits[backend] ?? 0;
  const used = Math.min(permits, use.inFlight[backend] ?? 0);
  if (recall.only !== undefined) return recall.only[backend] === 1 ? used : permits;
  switch (recall.mode) {
    case 'limit':
      return Math.min(permits, limit);
    case 'level':
      // A little more than what is in use, or the next request would have to ask for it back.
      return Math.min(permits, Math.max(limit, Math.ceil(used * 1.25) + 1));
    case 'spare':
      return withoutSpare(permits, used, use);
    case 'share':
      return Math.min(limit, withoutSpare(permits, used, use));
  }
}

function withoutSpare(permits: number, used: number, use: LeaseUse): number {
  if (use.queued > (use.blocked ?? 0)) return permits;
  return use.inFlight.every((count) => count === 0) ? 0 : used + Math.floor((permits - used) / 2);
}
