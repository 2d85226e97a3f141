import type { Fleet } from './fleet.ts';

/** What the schedule needs to know about a fault. */
export interface FaultKind {
  readonly name: string;
  /** How long it may last; the schedule picks one. */
  readonly holdsMs: readonly number[];
  /** After it was healed: how long until the fleet must be well again. */
  readonly recoverMs: number;
  /** Whether it takes too long for a run of a minute. */
  readonly isLong?: boolean;
  /** Whether it strikes what hosts share beside the ledger: PostgreSQL, the shared cache, or the workers of batches. */
  readonly needsShared?: boolean;
}

/** One fault: how it is made and how it is undone. `host` is the index of the host that it strikes. */
export interface Fault extends FaultKind {
  /** Whose clients may see errors: nobody's, those of the struck host, or all. */
  readonly errors: 'none' | 'struck' | 'all';
  /** Whether a host, or all of them, cannot use Valkey meanwhile. */
  readonly cutsLedger?: boolean;
  /** Whether it only moves demand: the cap must be in use meanwhile, too. */
  readonly movesDemand?: boolean;
  /**
   * With a ledger: how long after its end permits may still lie idle, because a lease must run out, or because a ledger that has
   * lost writes moves nothing at first. The next faults come nevertheless.
   */
  readonly settlesMs?: number;
  apply(fleet: Fleet, host: number): void | Promise<void>;
  heal(fleet: Fleet, host: number): void | Promise<void>;
}
