import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { FleetNews } from '../../policy/fleet/news-progress.ts';
import type { FleetNewsStore } from '../../store/fleet-news.ts';

export interface NewsJournalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined if nothing needs PostgreSQL. */
  readonly store: FleetNewsStore | undefined;
}

interface Own {
  readonly news: FleetNews;
  readonly at: number;
  isIssued: boolean;
}

const MOST_OWN = 1000;
/** A failover loses the writes of some seconds, and hosts notice it within seconds. */
const KEPT_MS = 15 * 60_000;

/** The news that a stream may have lost: that of all hosts in PostgreSQL, and that of this host also in memory, because PostgreSQL may be unavailable. */
export class NewsJournal {
  readonly #options: NewsJournalOptions;
  readonly #own = new Map<string, Own>();
  #logged: string | undefined;

  constructor(options: NewsJournalOptions) {
    this.#options = options;
  }

  /** Never rejects, because without PostgreSQL the stream and the memory of this host are enough, unless both fail. */
  async add(news: FleetNews): Promise<void> {
    const { clock, store } = this.#options;
    const now = clock.now();
    let lost = 0;
    for (const [id, { at, isIssued }] of this.#own) {
      const isFull = this.#own.size >= MOST_OWN;
      if (!isFull && (!isIssued || now - at <= KEPT_MS)) continue;
      if (!isIssued && store === undefined) lost++;
      this.#own.delete(id);
    }
    if (lost > 0)
      this.#options.log.warn(
        { lost },
        'news for the fleet is lost, because Valkey is unavailable, no PostgreSQL keeps it, and this host keeps 1000',
      );
    this.#own.set(news.id, { news, at: now, isIssued: false });
    await this.#tried('written to PostgreSQL', () => store?.add(news));
  }

  /** The stream has it. */
  issued(id: string): void {
    const own = this.#own.get(id);
    if (own !== undefined) own.isIssued = true;
    void this.#tried('marked in PostgreSQL', () => this.#options.store?.issued(id));
  }

  /** The news of this host that no stream has had yet, oldest first. */
  unissued(): FleetNews[] {
    return [...this.#own.values()].filter(({ isIssued }) => !isIssued).map(({ news }) => news);
  }

  /** The news that a new stream may lack, oldest first. `isWhole`: PostgreSQL has answered, or there is none. */
  async recent(): Promise<{ readonly news: readonly FleetNews[]; readonly isWhole: boolean }> {
    const { clock, store } = this.#options;
    let stored: readonly FleetNews[] = [];
    const isWhole = await this.#tried('read from PostgreSQL', async () => {
      stored = (await store?.recent()) ?? [];
    });
    const now = clock.now();
    const own = [...this.#own.values()].filter(({ at }) => now - at <= KEPT_MS).map(({ news }) => news);
    const known = new Set(stored.map(({ id }) => id));
    return { news: [...stored, ...own.filter(({ id }) => !known.has(id))], isWhole };
  }

  /** Whether it was done. Only the first of equal failures is logged, because it is tried again and again. */
  async #tried(what: string, work: () => Promise<void> | undefined): Promise<boolean> {
    try {
      await work();
      this.#logged = undefined;
      return true;
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#logged) this.#options.log.warn({ problem }, `news for the fleet could not be ${what}`);
      this.#logged = problem;
      return false;
    }
  }
}
