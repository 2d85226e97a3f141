import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { uuidv7 } from '../../core/ids.ts';
import { machineOffsetMs } from '../../core/machine-time.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { NewsHosts } from '../../policy/fleet/news-hosts.ts';
import { type NewsPage, NewsProgress, type NumberedNews } from '../../policy/fleet/news-progress.ts';
import { TRUST_MS } from '../../policy/fleet/worker-trust.ts';
import type { OrderNews } from '../../protocol/cache-order.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import type { NewsStream } from '../../store/valkey/valkey-news.ts';
import { valkeyFailure } from '../../store/valkey/valkey-unavailable.ts';
import type { CacheOrders } from '../cache-orders.ts';
import { NamedTimers } from '../named-timers.ts';
import { saveProgress, type SavedProgress } from './news-file.ts';
import type { NewsMetrics } from './news-metrics.ts';

/** The actions of a host by the kind of the news; `news` is what the orders to the workers say of it. */
export type NewsKinds = ReadonlyMap<string, (body: unknown, news: OrderNews) => void>;

export interface NewsReaderOptions {
  readonly host: string;
  readonly stream: NewsStream;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bugs: Bugs;
  readonly metrics: NewsMetrics;
  readonly kinds: NewsKinds;
  /** Has the workers forget everything that they have stored, because news up to `position` may have been missed. */
  readonly flush: (position: NewsPosition) => void;
  readonly orders: Pick<CacheOrders<unknown>, 'last' | 'appliedAt' | 'extendTrust'>;
  /** The epoch of `orders`. */
  readonly epoch: number;
  /** The file for the next control, and what the previous one has left there. */
  readonly path: string;
  readonly saved: SavedProgress | undefined;
}

/** Without a nudge, news is read after this time. */
const READ_MS = 500;
/** The same while somebody waits for acknowledgements. */
const POLL_MS = 25;
/** How often the hosts are listed while nobody waits. */
const LIST_MS = 2000;

/**
 * Reads the news of all hosts, and has the workers do what it says. Workers may use what they have stored for as long as the stream
 * has been read to its end.
 */
export class NewsReader {
  readonly hosts = new NewsHosts();
  readonly #options: NewsReaderOptions;
  readonly #onRead: () => boolean;
  readonly #control: string;
  readonly #progress: NewsProgress;
  readonly #timers: NamedTimers;
  readonly #unsubscribe: () => void;
  readonly #offsetMs: number;
  #isReading = false;
  #isWanted = false;
  #isClosed = false;
  #isWaited = false;
  #listedAt = Number.NEGATIVE_INFINITY;
  #trustedUntil = Number.NEGATIVE_INFINITY;
  /** The position that the other hosts know of this one. */
  #told: NewsPosition | undefined;
  #problem: string | undefined;

  /** `onRead`: called after each attempt; returns whether somebody waits for acknowledgements. */
  constructor(options: NewsReaderOptions, onRead: () => boolean) {
    const { clock, bugs, saved, stream, metrics } = options;
    this.#options = options;
    this.#onRead = onRead;
    this.#control = uuidv7(clock.wallNow());
    this.#offsetMs = machineOffsetMs(clock);
    this.#progress = new NewsProgress(saved?.news);
    this.#timers = new NamedTimers(clock, bugs, 'fleet-news');
    this.#unsubscribe = stream.onNudge(() => this.step());
    metrics.onSnapshot(() => this.status());
    this.step();
  }

  get position(): NewsPosition | undefined {
    return this.#progress.position;
  }

  /** For `GET /api/status`. */
  status() {
    const { stream } = this.#options;
    const trustedForMs = Math.max(0, Math.round(this.#trustedUntil - this.#machineNow()));
    return {
      state: trustedForMs > 0 ? ('connected' as const) : ('apart' as const),
      trusted_for_ms: trustedForMs,
      stream: this.position?.stream ?? null,
      position: this.position?.number ?? 0,
      hosts: this.hosts.names,
      problem: this.#problem ?? stream.problem ?? null,
    };
  }

  /** Reads now, or again after the present read. */
  step(): void {
    this.#isWanted = true;
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    void this.#turn().catch((error: unknown) => this.#options.bugs.report('fleet-news', error));
  }

  /** Workers have carried out orders, for which other hosts may wait. */
  worked(): void {
    const acknowledged = this.#acknowledged();
    if (acknowledged !== undefined && acknowledged !== this.#told) this.step();
  }

  /** `isOver`: no worker of this host lives on, so nobody needs to wait for it. */
  async close(isOver: boolean): Promise<void> {
    const { stream } = this.#options;
    this.#isClosed = true;
    this.#timers.close();
    this.#unsubscribe();
    if (!isOver || stream.connection === undefined) return;
    // Without Valkey the other hosts stop waiting for this one after some seconds.
    await stream.leave(this.#control).catch((error: unknown) => this.#failed(error));
  }

  async #turn(): Promise<void> {
    try {
      while (this.#isWanted && !this.#isClosed) {
        this.#isWanted = false;
        await this.#read();
        this.#isWaited = this.#onRead();
      }
    } finally {
      this.#isReading = false;
      if (this.#isWaited) this.#timers.start('poll', POLL_MS, () => this.step());
      else this.#timers.start('read', READ_MS, () => this.step());
    }
  }

  /** One page. Trust is given with the last one. */
  async #read(): Promise<void> {
    const { stream, host, clock } = this.#options;
    if (stream.connection === undefined) return;
    const after = this.#progress.position;
    const acknowledged = this.#acknowledged();
    const wantsHosts = this.#isWaited || clock.now() - this.#listedAt >= LIST_MS;
    const askedAt = this.#machineNow();
    const listedAt = clock.now();
    try {
      const page = await stream.read({ control: this.#control, host, after, acknowledged, wantsHosts });
      if (this.#isClosed) return;
      if (acknowledged !== undefined) this.#tell(acknowledged);
      const { hosts: marks } = page;
      if (marks !== undefined) {
        this.#listedAt = listedAt;
        this.hosts.heard({ ...page, marks, askedAt: listedAt }, clock.now());
      }
      const isMore = this.#take(page);
      if (isMore) this.#isWanted = true;
      else this.#extendTrust(askedAt + TRUST_MS);
      this.#problem = undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Whether there is more to read. */
  #take(page: NewsPage): boolean {
    const { orders, flush, metrics, log } = this.#options;
    const before = this.position;
    const step = this.#progress.take(page);
    if (step.kind === 'lost') {
      metrics.lost();
      if (before !== undefined)
        log.warn({ before, now: this.position }, 'news of the fleet is lost: caches are emptied');
      flush({ stream: page.stream, number: page.last });
    } else for (const news of step.news) this.#carryOut(news, page.stream);
    if (step.kind === 'lost' || step.news.length > 0) this.#progress.ordered(orders.last);
    return step.kind === 'news' && step.isMore;
  }

  #carryOut({ id, kind, body, host, number }: NumberedNews, stream: string): void {
    const { kinds, metrics, log } = this.#options;
    const carryOut = kinds.get(kind);
    metrics.taken(carryOut === undefined ? 'unknown' : kind);
    log.debug({ kind, body, host, number }, 'news of the fleet');
    if (carryOut === undefined) log.warn({ kind, host }, 'this version does not know news of this kind');
    else carryOut(body, { id, position: { stream, number } });
  }

  #extendTrust(until: number): void {
    this.#trustedUntil = until;
    this.#options.orders.extendTrust(until, this.#machineNow(), this.position);
  }

  #acknowledged(): NewsPosition | undefined {
    return this.#progress.acknowledged(this.#options.orders.appliedAt(this.#machineNow()));
  }

  #tell(position: NewsPosition): void {
    if (position === this.#told) return;
    this.#told = position;
    const number = this.#progress.told(position);
    const { path, epoch, log } = this.#options;
    try {
      saveProgress(path, { news: position, orders: { epoch, number } });
    } catch (error) {
      log.warn({ path, problem: messageOf(error) }, 'the position in the news of the fleet could not be saved');
    }
  }

  #failed(error: unknown): void {
    const failure = valkeyFailure(error, (bug) => this.#options.bugs.report('fleet-news', bug));
    this.#problem = failure.message.slice(0, 200);
  }

  #machineNow(): number {
    return this.#options.clock.now() + this.#offsetMs;
  }
}
