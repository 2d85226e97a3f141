import { uuidv7 } from '../../core/ids.ts';
import type { NewsReach } from '../../policy/fleet/news-hosts.ts';
import type { FleetNews } from '../../policy/fleet/news-progress.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import { valkeyFailure } from '../../store/valkey/valkey-unavailable.ts';
import type { LiveHosts } from './config-rollout.ts';
import type { NewsJournal } from './news-journal.ts';
import { NewsReader, type NewsReaderOptions } from './news-reader.ts';

export interface NewsDeskOptions extends NewsReaderOptions {
  readonly journal: NewsJournal;
}

/** The hosts that have carried out news, at the time when `tell` resolves. */
export interface FleetReach extends Omit<NewsReach, 'isSure'> {
  /** Why not all hosts may have; undefined if all have. */
  readonly detail: string | undefined;
}

interface Waiting {
  readonly news: FleetNews;
  readonly until: number;
  readonly settle: (reach: FleetReach) => void;
}

/** How long `tell` waits for all hosts. */
const WAIT_MS = 2000;
/** The part of that time for PostgreSQL. */
const STORE_MS = 500;
const LATE =
  'the missing hosts have not confirmed it: they may serve it for five more seconds, and carry it out when they read the news again';
const UNSURE = 'the stream in Valkey is new, so there may be hosts that are not known yet';

/** Tells news, such as purges, to all hosts of the fleet, and has this host do what all hosts tell (ADR 143). */
export class NewsDesk {
  readonly #options: NewsDeskOptions;
  readonly #reader: NewsReader;
  readonly #waiting = new Set<Waiting>();
  readonly #issuing = new Set<string>();
  /** The positions in the stream of news that somebody waits for, by the id of the news. */
  readonly #positions = new Map<string, NewsPosition>();
  /** The connection and the stream that have all recent news. */
  #completed: string | undefined;
  #isCompleting = false;

  constructor(options: NewsDeskOptions) {
    this.#options = options;
    this.#reader = new NewsReader(options, () => this.#afterRead());
  }

  /** For `GET /api/status`. */
  status(): ReturnType<NewsReader['status']> {
    return this.#reader.status();
  }

  /** The hosts that live, as far as this one knows. */
  live(): LiveHosts {
    const { hosts } = this.#reader;
    const { state, problem } = this.status();
    return { names: hosts.names, isSure: hosts.isSure, isApart: state === 'apart', problem: problem ?? undefined };
  }

  /** Workers have carried out orders. */
  worked(): void {
    this.#reader.worked();
  }

  newId(): string {
    return uuidv7(this.#options.clock.wallNow());
  }

  /** Tells news for which nobody waits, and which no row keeps: it is lost while Valkey is away. */
  async post(kind: string, body: unknown): Promise<void> {
    const { stream, host, bugs } = this.#options;
    if (stream.connection === undefined) return;
    try {
      await stream.issue({ id: this.newId(), kind, host, body });
      this.#reader.step();
    } catch (error) {
      valkeyFailure(error, (bug) => bugs.report('fleet-news', bug));
    }
  }

  /** Tells news to all hosts. Resolves when all of them have carried it out, or after two seconds. */
  async tell(kind: string, body: unknown, id = this.newId()): Promise<FleetReach> {
    const { clock, host, journal } = this.#options;
    const news = { id, kind, host, body };
    const until = clock.now() + WAIT_MS;
    const { promise, resolve } = Promise.withResolvers<FleetReach>();
    this.#waiting.add({ news, until, settle: resolve });
    this.#reader.step();
    // The row comes first, because another host can issue it if this one dies. PostgreSQL may hang.
    await this.#atMost(STORE_MS, journal.add(news));
    void this.#issue(news);
    return promise;
  }

  /** `isOver`: no worker of this host lives on. */
  async close(isOver: boolean): Promise<void> {
    await this.#reader.close(isOver);
    for (const waiting of this.#waiting) this.#settle(waiting);
  }

  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimeout(resolve, ms);
    await Promise.race([work, late]);
    timer.cancel();
  }

  /** Whether somebody waits for acknowledgements. */
  #afterRead(): boolean {
    const { journal, clock } = this.#options;
    void this.#complete();
    for (const news of journal.unissued()) void this.#issue(news);
    for (const waiting of this.#waiting) {
      const { detail } = this.#reachOf(waiting);
      if (detail === undefined || clock.now() >= waiting.until) this.#settle(waiting);
    }
    return this.#waiting.size > 0;
  }

  #settle(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    waiting.settle(this.#reachOf(waiting));
    this.#positions.delete(waiting.news.id);
  }

  #reachOf({ news }: Waiting): FleetReach {
    const { stream } = this.#options;
    const position = this.#positions.get(news.id);
    if (position === undefined) {
      const missing = this.#reader.hosts.names;
      const detail = `Valkey does not have it yet (${stream.problem ?? 'no answer'}): the hosts get it when they reach Valkey again`;
      return { hosts: missing.length, acknowledged: 0, missing, detail };
    }
    const { isSure, ...reach } = this.#reader.hosts.reach(position);
    return { ...reach, detail: reach.missing.length > 0 ? LATE : isSure ? undefined : UNSURE };
  }

  /** Repeats what a new stream, or a server that was away, may lack. News that it has is not issued again. */
  async #complete(): Promise<void> {
    const { stream, journal } = this.#options;
    const wanted = `${stream.connection} ${this.#reader.position?.stream}`;
    if (this.#isCompleting || this.#completed === wanted || stream.connection === undefined) return;
    this.#isCompleting = true;
    try {
      const recent = await journal.recent();
      let { isWhole } = recent;
      for (const news of recent.news) isWhole = (await this.#issue(news)) && isWhole;
      if (isWhole) this.#completed = wanted;
    } finally {
      this.#isCompleting = false;
    }
  }

  /** Whether the stream has it. */
  async #issue(news: FleetNews): Promise<boolean> {
    const { stream, journal, bugs } = this.#options;
    if (stream.connection === undefined) return false;
    if (this.#issuing.has(news.id)) return false;
    this.#issuing.add(news.id);
    try {
      const position = await stream.issue(news);
      if ([...this.#waiting].some((waiting) => waiting.news.id === news.id)) this.#positions.set(news.id, position);
      journal.issued(news.id);
      this.#reader.step();
      return true;
    } catch (error) {
      // It is tried again after the next read.
      valkeyFailure(error, (bug) => bugs.report('fleet-news', bug));
      return false;
    } finally {
      this.#issuing.delete(news.id);
    }
  }
}
