import type { Bugs } from '../../metrics/bugs.ts';
import type { LeaseEnd } from './lease-end.ts';
import type { LeaseUse } from '../../policy/permits/lease-state.ts';
import type { HostLoad } from '../../protocol/lease.ts';

/** A backend as far as its lease needs to know it. */
export interface LeasedBackend {
  readonly id: string;
  readonly index: number;
  readonly isLeaving: boolean;
}

/** Something whose permits control leases: an upstream, or its permits for bulk requests. */
export interface Leased {
  readonly name: string;
  readonly bugs: Bugs;
  readonly isAdaptive: boolean;
  /** By position; undefined where there is none. */
  readonly slots: readonly (LeasedBackend | undefined)[];
  readonly queueDepth: number;
  /** Called when work waits, so that the owner can ask for permits. */
  onNeed: (() => void) | undefined;
  /** Called when a request has ended at a backend, with the number that was in flight there before. */
  onReturn: ((backend: LeasedBackend, before: number) => void) | undefined;
  /** Only of an upstream that several hosts share. */
  readonly leaseEnd?: LeaseEnd | undefined;
  leaseUse(): LeaseUse;
  usePermits(permits: readonly number[]): void;
  useHostLoad(load: HostLoad | undefined): void;
}
