import type { Clock, Timer } from '../../core/clock.ts';
import { Backlog } from './backlog.ts';
import type { Drain } from './drain.ts';
import type { LedgerFiles } from './ledger-files.ts';
import type { LedgerReport } from './ledger-report.ts';
import type { Owner } from './owner.ts';
import type { SegmentLog } from './segment-log.ts';

export interface OrphansOptions {
  readonly files: LedgerFiles;
  readonly owner: Owner;
  readonly log: SegmentLog;
  readonly drain: Drain;
  readonly clock: Clock;
  readonly report: LedgerReport;
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
    this.#backlog = new Backlog(options);
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
    const { drain, report } = this.#options;
    const entries = await this.#backlog.next(drain.batchSize);
    if (entries === undefined) return false;
    let replayed = 0;
    const done = await drain.write(entries, this.#backlog.pending - entries.length, (index, fate) => {
      if (fate === 'stored' && entries[index]?.kind === 'record') replayed++;
    });
    this.#backlog.settle(done);
    report.count('replayed', replayed);
    return done === entries.length;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { clock, report, drain, upkeep } = this.#options;
    try {
      const files = await this.#backlog.adopt();
      if (files > 0) {
        report.event({ kind: 'adopted', files });
        drain.flush();
      }
      await upkeep?.();
    } catch (error) {
      report.diskFailed(error);
    }
    if (this.#isClosed) return;
    this.#timer = clock.setTimeout(() => {
      this.#looking = this.#look();
    }, LOOK_MS);
  }
}
