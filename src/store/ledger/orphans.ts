import type { Clock, Timer } from '../../core/clock.ts';
import type { LedgerEvent, LedgerResult } from '../ledger.ts';
import { Backlog } from './backlog.ts';
import type { Drain } from './drain.ts';
import type { LedgerFiles } from './ledger-files.ts';
import type { Owner } from './owner.ts';
import type { SegmentLog } from './segment-log.ts';

export interface OrphansOptions {
  readonly files: LedgerFiles;
  readonly owner: Owner;
  readonly log: SegmentLog;
  readonly drain: () => Drain;
  readonly clock: Clock;
  readonly count: (result: LedgerResult, count: number) => void;
  readonly onEvent: (event: LedgerEvent) => void;
  readonly onDiskFailed: (error: unknown) => void;
  /** More that is done at each look. Rejects with the system's error. */
  readonly upkeep?: () => Promise<void>;
}

/** How often the folder is looked at: for segments of processes that have died, and for its size. */
const LOOK_MS = 2_000;

/** Looks for segments that dead processes have left, and brings them to PostgreSQL. */
export class Orphans {
  readonly #options: OrphansOptions;
  readonly #backlog: Backlog;
  #timer: Timer | undefined;
  #looking: Promise<void>;
  #isClosed = false;

  constructor(options: OrphansOptions) {
    this.#options = options;
    const { files, owner, log, count, onEvent, onDiskFailed } = options;
    const onDamaged = (file: string, places: number): void => {
      count('damaged', places);
      onEvent({ kind: 'damaged', file, places });
    };
    this.#backlog = new Backlog({ files, owner, log, onDamaged, onDiskFailed });
    this.#looking = this.#look();
  }

  get pending(): number {
    return this.#backlog.pending;
  }

  /** Bytes of the folder that this process does not write to, at the last look. */
  get bytes(): number {
    return this.#backlog.bytes;
  }

  /** Writes one batch; resolves to whether there may be more. */
  async replay(): Promise<boolean> {
    const drain = this.#options.drain();
    const entries = await this.#backlog.next(drain.batchSize);
    if (entries === undefined) return false;
    let replayed = 0;
    const done = await drain.write(entries, this.#backlog.pending - entries.length, (index, fate) => {
      if (fate === 'stored' && entries[index]?.kind === 'record') replayed++;
    });
    this.#backlog.settle(done);
    this.#options.count('replayed', replayed);
    return done === entries.length;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { clock, onEvent, onDiskFailed, drain, upkeep } = this.#options;
    try {
      const files = await this.#backlog.adopt();
      if (files > 0) {
        onEvent({ kind: 'adopted', files });
        drain().flush();
      }
      await upkeep?.();
    } catch (error) {
      onDiskFailed(error);
    }
    if (this.#isClosed) return;
    this.#timer = clock.setTimeout(() => {
      this.#looking = this.#look();
    }, LOOK_MS);
  }
}
