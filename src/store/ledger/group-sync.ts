import type { Clock, Timer } from '../../core/clock.ts';
import type { SegmentLog } from './segment-log.ts';

export interface GroupSyncOptions {
  readonly log: SegmentLog;
  readonly clock: Clock;
  /** LEDGER_FSYNC_MS. */
  readonly fsyncMs: number;
  readonly onFailed: (error: unknown) => void;
}

/** Syncs the segments of a ledger: one fdatasync for all records that were written before it. */
export class GroupSync {
  readonly #options: GroupSyncOptions;
  #timer: Timer | undefined;
  #syncing: Promise<boolean> | undefined;
  #isFailing = false;
  #isClosed = false;

  constructor(options: GroupSyncOptions) {
    this.#options = options;
  }

  /** Whether the last sync failed. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Something was written, which must be on the disk within LEDGER_FSYNC_MS. */
  written(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      void this.#syncOrRetry();
    }, this.#options.fsyncMs);
  }

  async #syncOrRetry(): Promise<void> {
    if (!(await this.#sync())) this.written();
  }

  /** Resolves to whether all that was written before is on the disk. */
  async synced(): Promise<boolean> {
    // A sync that is under way may have begun before the last write.
    await this.#syncing;
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.synced();
  }

  async #sync(): Promise<boolean> {
    const { log, onFailed } = this.#options;
    if (!log.isDirty) return !this.#isFailing;
    try {
      await log.sync();
      this.#isFailing = false;
      return true;
    } catch (error) {
      this.#isFailing = true;
      onFailed(error);
      return false;
    }
  }
}
