import type { Clock, Timer } from '../../core/clock.ts';
import { BatchSize } from '../../policy/ledger/batch-size.ts';
import { Availability } from './availability.ts';
import { insertEntries, type LedgerTable, type SettledFate } from './insert-entries.ts';
import type { LedgerReport } from './ledger-report.ts';
import type { LogEntry } from './segment-format.ts';

/** `unavailable`: PostgreSQL does not take it now, and the item may not wait. */
export type ItemFate = SettledFate | 'unavailable';

/** An entry on its way to PostgreSQL. */
export interface Item {
  readonly entry: LogEntry;
  /** Whether it stays in the queue while PostgreSQL is unavailable. */
  readonly mayWait: boolean;
  /** Called once; the entry has left the queue. */
  readonly settled: (fate: ItemFate) => void;
}

export interface DrainOptions {
  readonly table: LedgerTable;
  readonly clock: Clock;
  /** LEDGER_BATCH_SIZE. */
  readonly batchSize: number;
  /** LEDGER_FLUSH_MS: how long an entry waits for others to share its insert. */
  readonly flushMs: number;
  readonly report: LedgerReport;
  /** Called after a batch, and when there is none: brings older entries forward. Resolves to whether there may be more. */
  readonly more?: (() => Promise<boolean>) | undefined;
}

/** Brings entries to PostgreSQL in their order, one batch at a time. */
export class Drain {
  readonly #options: DrainOptions;
  readonly #postgres: Availability;
  readonly #size: BatchSize;
  readonly #queue: Item[] = [];
  /** Entries, counted from the first, that must be written now. */
  #due = 0;
  #running: Promise<void> | undefined;
  readonly #timers = new Map<'flush' | 'retry', Timer>();
  #isClosed = false;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#postgres = new Availability(options.clock, (event) => options.report.event(event));
    this.#size = new BatchSize(options.batchSize);
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Entries of the next batch of entries that are not in this queue. */
  get batchSize(): number {
    return this.#size.value;
  }

  /** Whether PostgreSQL does not take anything at the moment. */
  get isSuspended(): boolean {
    return this.#postgres.isSuspended;
  }

  push(item: Item): void {
    this.#queue.push(item);
    if (this.#queue.length - this.#due >= this.#size.value) this.flush();
    else this.#after('flush', this.#options.flushMs, () => this.flush());
  }

  /** Writes all that is in the queue now without waiting for more. */
  flush(): void {
    this.#due = this.#queue.length;
    // In a turn of its own, because a run that ends at once would clear this before it is set.
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  /** Resolves when nothing more can be written now; sets no timers afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.flush();
    while (this.#running !== undefined) await this.#running;
  }

  /** Writes a batch of entries; `waiting`: how many are behind them. Resolves to how many of the first are taken care of. */
  async write(
    entries: readonly LogEntry[],
    waiting: number,
    onFate: (index: number, fate: SettledFate) => void,
  ): Promise<number> {
    const { table, clock, report } = this.#options;
    const startedAt = clock.now();
    const { fates, rejected, trouble } = await insertEntries(table, entries, clock);
    for (const one of rejected) await report.rejected(one);
    for (const [index, fate] of fates.entries()) onFate(index, fate);
    if (fates.length < entries.length) {
      this.#size.failed();
      this.#postgres.failed(trouble);
    } else {
      this.#size.inserted(clock.now() - startedAt, waiting);
      this.#postgres.succeeded();
    }
    return fates.length;
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#due = Math.min(this.#due, this.#queue.length);
      const wrote = this.#due > 0 && !this.#postgres.isSuspended && (await this.#writeBatch());
      if (this.#postgres.isSuspended) this.#expel();
      // Fresh entries and older ones take turns, so that neither starves.
      const more = !this.#postgres.isSuspended && (await this.#options.more?.()) === true;
      if (!wrote && !more && (this.#due === 0 || this.#postgres.isSuspended)) break;
    }
    this.#running = undefined;
    this.#schedule();
  }

  /** Whether it wrote anything. */
  async #writeBatch(): Promise<boolean> {
    const batch = this.#queue.slice(0, Math.min(this.#due, this.#size.value));
    const fates: ItemFate[] = [];
    const done = await this.write(
      batch.map(({ entry }) => entry),
      this.#queue.length - batch.length,
      (_index, fate) => fates.push(fate),
    );
    this.#queue.splice(0, done);
    this.#due = Math.max(0, this.#due - done);
    for (const [index, fate] of fates.entries()) batch[index]?.settled(fate);
    return done > 0;
  }

  /** Entries that may not wait leave the queue. */
  #expel(): void {
    const leaving = this.#queue.filter(({ mayWait }) => !mayWait);
    if (leaving.length === 0) return;
    const staying = this.#queue.filter(({ mayWait }) => mayWait);
    this.#queue.splice(0, this.#queue.length, ...staying);
    this.#due = Math.min(this.#due, staying.length);
    for (const { settled } of leaving) settled('unavailable');
  }

  #schedule(): void {
    if (this.#isClosed) return;
    if (this.#postgres.isSuspended) this.#after('retry', this.#postgres.retryInMs(), () => this.flush());
    else if (this.#queue.length > 0) this.#after('flush', this.#options.flushMs, () => this.flush());
  }

  #after(name: 'flush' | 'retry', delayMs: number, run: () => void): void {
    if (this.#timers.has(name) || this.#isClosed) return;
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, delayMs);
    this.#timers.set(name, timer);
  }
}
