import type { Logger } from 'pino';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Counter, Registry, Snapshot } from '../metrics/instruments.ts';
import { BookFile } from './book-file.ts';
import { Departures } from './departures.ts';
import type { Member } from './members.ts';
import { MetricsBook } from './metrics-book.ts';
import { ReportCollection } from './report-collection.ts';
import { unknownMessages } from './unknown-messages.ts';

export interface HostMetricsDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** Control's own metrics. */
  readonly registry: Registry;
  readonly runFolder: string;
  /** Asks a process for a report. */
  readonly ask: (member: Member) => void;
}

const SAVE_INTERVAL_MS = 2000;

/** The metrics of all processes of the host, saved so that no counter goes backwards when a process or control ends. */
export class HostMetrics {
  readonly unknownMessages: Counter;
  readonly #dependencies: HostMetricsDependencies;
  readonly #book: MetricsBook;
  readonly #file: BookFile;
  readonly #departures = new Departures();
  /** When each process reported last, by its id. */
  readonly #reportedAt = new Map<string, number>();
  readonly #collection: ReportCollection<Member>;
  #timer: Timer | undefined;

  constructor(dependencies: HostMetricsDependencies) {
    this.#dependencies = dependencies;
    this.unknownMessages = unknownMessages(dependencies.registry);
    this.#file = new BookFile(dependencies.runFolder);
    this.#book = new MetricsBook(this.#file.load());
    this.#collection = new ReportCollection(dependencies.clock, dependencies.ask);
  }

  /** When the previous control saved its counters last, in milliseconds since the epoch; undefined if there was none. */
  get savedAtMs(): number | undefined {
    return this.#file.savedAtMs;
  }

  /** Saves from now on. */
  start(): void {
    const { clock } = this.#dependencies;
    this.#timer = clock.setTimeout(() => {
      for (const member of this.#departures.ended(clock.now())) this.#book.end(member);
      this.#save();
      this.start();
    }, SAVE_INTERVAL_MS);
  }

  close(): void {
    this.#timer?.cancel();
    this.#save();
  }

  joined(member: Member): void {
    this.#departures.returned(member.id);
  }

  /** A connection has ended; `isBack`: the process has another one already. */
  left(member: Member, isBack: boolean): void {
    this.#book.left(member.id);
    if (!isBack) this.#reportedAt.delete(member.id);
    if (!isBack) this.#departures.left(member.id, member.processName, this.#dependencies.clock.now());
    // Saved at once: if control were killed now, what this process has counted since the last save would be missing.
    this.#save();
    this.#collection.answered(member);
  }

  reported(member: Member, metrics: Snapshot): void {
    this.#book.update(member.id, metrics);
    this.#reportedAt.set(member.id, this.#dependencies.clock.now());
    this.#collection.answered(member);
  }

  /** Asks these processes for fresh reports, and waits for those that answer in time. */
  collect(members: readonly Member[]): Promise<void> {
    return this.#collection.collect(members);
  }

  /** The sum of the last reports, of ended processes and of control's own metrics. */
  merged(): Snapshot {
    return this.#book.merged(this.#dependencies.registry.snapshot());
  }

  /** The last report of a process that is connected. */
  reportOf({ id }: Member): { readonly metrics: Snapshot; readonly at: number } | undefined {
    const [metrics, at] = [this.#book.reportOf(id), this.#reportedAt.get(id)];
    return metrics === undefined || at === undefined ? undefined : { metrics, at };
  }

  /** The last reports, those of ended processes, and control's own metrics: everything that `merged` adds up. */
  snapshots(): Snapshot[] {
    return [...this.#book.snapshots(), this.#dependencies.registry.snapshot()];
  }

  #save(): void {
    try {
      this.#file.save(this.#book.state());
    } catch (error) {
      const reason = messageOf(error);
      this.#dependencies.log.warn({ reason }, 'the counters of ended processes could not be saved');
    }
  }
}
