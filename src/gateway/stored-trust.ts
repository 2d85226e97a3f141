/**
 * Until when this worker may use what it has stored, replies and keys, without asking. On a host of a fleet control extends it while it
 * hears of all purges and revoked keys; when it ends, everything stored counts as stale.
 */
export class StoredTrust {
  /** By the worker's clock. */
  #until: number;

  /** `isLeased`: the host belongs to a fleet, and control has not been heard yet. */
  constructor(isLeased: boolean) {
    this.#until = isLeased ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  get until(): number {
    return this.#until;
  }

  extend(until: number): void {
    this.#until = until;
  }
}
