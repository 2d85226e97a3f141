import type { UpstreamConfig } from '../../config/model.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { Priority } from '../../policy/admission/priority.ts';
import type { LeaseUse } from '../../policy/permits/lease-state.ts';
import { BULK_ID, bulkLeaseOf } from '../../protocol/bulk-lease.ts';
import type { Leased, LeasedBackend } from './leased.ts';

export interface BulkPermitsOptions {
  readonly upstream: string;
  readonly bugs: Bugs;
  /** Where bulk requests wait. */
  readonly queue: { depthOf(priority: Priority): number };
  /** Called when there are more permits. */
  readonly onMore: () => void;
}

/**
 * How many bulk requests may be in flight at an upstream that reserves permits for interactive ones. A bulk request needs
 * one of these beside the permit of its backend. Control leases them for the whole host: all permits of the upstream but the
 * reserved ones.
 */
export class BulkPermits implements Leased {
  readonly name: string;
  readonly bugs: Bugs;
  readonly isAdaptive = false;
  readonly slots: readonly [LeasedBackend] = [{ id: BULK_ID, index: 0, isLeaving: false }];
  onNeed: (() => void) | undefined;
  onReturn: ((backend: LeasedBackend, before: number) => void) | undefined;
  readonly #queue: BulkPermitsOptions['queue'];
  readonly #onMore: () => void;
  #permits: number;
  #inFlight = 0;

  /** `permits`: those of a worker without control. */
  constructor({ upstream, bugs, queue, onMore }: BulkPermitsOptions, permits: number) {
    this.name = bulkLeaseOf(upstream);
    this.bugs = bugs;
    this.#queue = queue;
    this.#onMore = onMore;
    this.#permits = permits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get permits(): number {
    return this.#permits;
  }

  get isFree(): boolean {
    return this.#inFlight < this.#permits;
  }

  /** Bulk requests that wait for others of their class to end. */
  get queueDepth(): number {
    return Math.max(0, this.#queue.depthOf('bulk') - Math.max(0, this.#permits - this.#inFlight));
  }

  /** This, if the request is a bulk one. */
  neededBy({ priority }: { readonly priority: Priority }): BulkPermits | undefined {
    return priority === 'bulk' ? this : undefined;
  }

  take(): void {
    this.#inFlight++;
  }

  giveBack(): void {
    this.#inFlight--;
    this.onReturn?.(this.slots[0], this.#inFlight + 1);
  }

  leaseUse(): LeaseUse {
    return { inFlight: [this.#inFlight], queued: this.queueDepth };
  }

  usePermits([permits = 0]: readonly number[]): void {
    const isMore = permits > this.#permits;
    this.#permits = permits;
    if (isMore) this.#onMore();
  }

  /** The upstream's own lease knows the load of the other workers. */
  useHostLoad(): void {}
}

/** Undefined where no permits are reserved. `initialPermits`: those of a cap before the first message of control. */
export function openBulk(
  { name, reserved, backends, cap }: UpstreamConfig,
  parts: Omit<BulkPermitsOptions, 'upstream'>,
  initialPermits: (cap: number) => number,
): BulkPermits | undefined {
  if (reserved === undefined) return undefined;
  return new BulkPermits({ ...parts, upstream: name }, initialPermits(backends.length * cap - reserved));
}
