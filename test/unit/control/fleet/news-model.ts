import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { CacheOrders } from '../../../../src/control/cache-orders.ts';
import { loadProgress } from '../../../../src/control/fleet/news-file.ts';
import { NewsDesk } from '../../../../src/control/fleet/news-desk.ts';
import { NewsJournal } from '../../../../src/control/fleet/news-journal.ts';
import { newsKinds } from '../../../../src/control/fleet/news-kinds.ts';
import { NewsMetrics } from '../../../../src/control/fleet/news-metrics.ts';
import { machineOffsetMs } from '../../../../src/core/machine-time.ts';
import type { HostMark } from '../../../../src/policy/fleet/news-hosts.ts';
import { PurgeMarks } from '../../../../src/policy/cache/purge-marks.ts';
import { TRUST_MS } from '../../../../src/policy/fleet/worker-trust.ts';
import type { FleetNews, NumberedNews } from '../../../../src/policy/fleet/news-progress.ts';
import type { CachePosition, OrderNews, PurgeTarget } from '../../../../src/protocol/cache-order.ts';
import type { NewsPosition } from '../../../../src/protocol/news-position.ts';
import type { ControlMessage } from '../../../../src/protocol/messages.ts';
import type { FleetNewsStore } from '../../../../src/store/fleet-news.ts';
import type { NewsAnswer, NewsAsk, NewsStream } from '../../../../src/store/valkey/valkey-news.ts';
import { ValkeyUnavailable } from '../../../../src/store/valkey/valkey-unavailable.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import type { ManualClock } from '../../../support/manual-clock.ts';

/** The server, as the functions of `news-functions.ts` behave. */
export class ModelServer {
  readonly #clock: ManualClock;
  #run = 0;
  #since = 0;
  #seen = 0;
  #last = 0;
  #news: readonly NumberedNews[] = [];
  readonly #ids = new Map<string, number>();
  readonly #hosts = new Map<string, HostMark>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get name(): string {
    return `stream-${this.#run}`;
  }

  /** Another server, or the same without its data. */
  replace(): void {
    this.#run++;
    this.#since = this.#clock.now();
    this.#last = 0;
    this.#news = [];
    this.#ids.clear();
    this.#hosts.clear();
  }

  trim(): void {
    this.#news = [];
  }

  issue(news: FleetNews): NewsPosition {
    const known = this.#ids.get(news.id);
    if (known !== undefined) return { stream: this.name, number: known };
    const number = ++this.#last;
    this.#ids.set(news.id, number);
    this.#news = [...this.#news, { ...news, number }];
    return { stream: this.name, number };
  }

  read({ control, host, acknowledged, after, wantsHosts }: NewsAsk): NewsAnswer {
    this.#hosts.set(control, { control, host, seen: `${++this.#seen}`, acknowledged });
    const news = after?.stream === this.name ? this.#news.filter(({ number }) => number > after.number) : [];
    const hosts = wantsHosts ? [...this.#hosts.values()] : undefined;
    return {
      stream: this.name,
      ageMs: this.#clock.now() - this.#since,
      last: this.#last,
      news: news.slice(0, 3),
      hosts,
    };
  }
}

/** The connection of one control. */
class ModelLink implements NewsStream {
  readonly #server: ModelServer;
  readonly #host: ModelHost;
  isDead = false;

  constructor(server: ModelServer, host: ModelHost) {
    this.#server = server;
    this.#host = host;
  }

  get connection(): string | undefined {
    return this.isDead || this.#host.isCut ? undefined : `${this.#server.name} ${this.#host.connections}`;
  }

  readonly problem = undefined;

  issue(news: FleetNews): Promise<NewsPosition> {
    return this.#answered(() => this.#server.issue(news));
  }

  read(ask: NewsAsk): Promise<NewsAnswer> {
    return this.#answered(() => this.#server.read(ask));
  }

  async leave(): Promise<void> {}

  onNudge(nudged: () => void): () => void {
    this.#host.nudge = nudged;
    return () => {};
  }

  /** The server has executed a call whose answer comes late, or never. */
  #answered<Answer>(call: () => Answer): Promise<Answer> {
    if (this.connection === undefined) return Promise.reject(new ValkeyUnavailable('not-connected', 'cut'));
    const answer = call();
    if (this.#host.losesAnswers) return Promise.reject(new ValkeyUnavailable('timeout', 'late'));
    if (!this.#host.isSlow) return Promise.resolve(answer);
    return new Promise((resolve) => this.#host.slow.push(() => resolve(answer)));
  }
}

/** A reply, and the news that was known when its fetch began. */
export interface ModelReply {
  readonly generation: number;
  readonly fetchedAt: NewsPosition | undefined;
}

/** A worker with one cached reply, of which it knows the generation. */
export class ModelWorker {
  trustedUntil = Number.NEGATIVE_INFINITY;
  stored: number | undefined;
  fetch: (ModelReply & { isInvalidated: boolean }) | undefined;
  position: CachePosition | undefined;
  /** What it knows of purges for replies of the shared cache. */
  marks = new PurgeMarks();
  /** The messages of control that it has not read yet. */
  inbox: ControlMessage[] = [];
  /** Its present connection to control. */
  member: ModelMember | undefined;
}

interface ModelMember {
  readonly worker: ModelWorker;
}

/** The clocks of control and of a worker are compared in real time, which this covers. */
const ROUNDING_MS = 50;

/** A host: its control, which may be replaced, and its workers. */
export class ModelHost {
  readonly name: string;
  readonly workers = [new ModelWorker(), new ModelWorker()] as const;
  isCut = false;
  connections = 0;
  isSlow = false;
  losesAnswers = false;
  slow: (() => void)[] = [];
  nudge: () => void = () => {};
  readonly #server: ModelServer;
  readonly #clock: ManualClock;
  readonly #store: FleetNewsStore | undefined;
  readonly #path: string;
  #offsetMs = 0;
  #epoch = 0;
  #link!: ModelLink;
  #orders!: CacheOrders<ModelMember>;
  #desk!: NewsDesk;

  constructor(name: string, server: ModelServer, clock: ManualClock, store: FleetNewsStore | undefined) {
    this.name = name;
    this.#server = server;
    this.#clock = clock;
    this.#store = store;
    this.#path = join(mkdtempSync(join(tmpdir(), 'rampart-news-')), 'news.json');
    this.startControl();
    for (const worker of this.workers) this.join(worker);
  }

  /** The control before it dies without a word; workers are not connected. */
  startControl(): void {
    if (this.#epoch > 0) this.#link.isDead = true;
    for (const worker of this.workers) this.#unplug(worker);
    const clock = this.#clock;
    const epoch = ++this.#epoch;
    const saved = loadProgress(this.#path);
    const link = new ModelLink(this.#server, this);
    this.#link = link;
    this.#offsetMs = machineOffsetMs(clock);
    const orders: CacheOrders<ModelMember> = new CacheOrders<ModelMember>({
      clock,
      epoch,
      tell: (member, message) => {
        if (!link.isDead && member.worker.member === member) member.worker.inbox.push(message);
      },
      fleet: { resumed: saved?.orders, resumedNews: saved?.news, onDone: () => this.#desk.worked() },
    });
    this.#orders = orders;
    const log = pino({ level: 'silent' });
    const actions = {
      purge: (_target: PurgeTarget, news: OrderNews) => void orders.purge({}, news),
      invalidate: () => {},
      forgetKeys: () => orders.barrier(),
    };
    const { bugs, registry } = quietInstruments();
    this.#desk = new NewsDesk({
      host: this.name,
      stream: link,
      journal: new NewsJournal({ clock, log, store: this.#store }),
      clock,
      log,
      bugs,
      metrics: new NewsMetrics(registry),
      kinds: newsKinds({ ...actions, lookAtConfig: () => {} }),
      flush: (position) => actions.purge({}, { position }),
      orders,
      epoch,
      path: this.#path,
      saved,
    });
  }

  /** The worker connects to control, again if need be. */
  join(worker: ModelWorker): void {
    this.leave(worker);
    worker.member = { worker };
    this.#orders.said(worker.member, { type: 'cache-position', position: worker.position });
  }

  leave(worker: ModelWorker): void {
    const { member } = worker;
    this.#unplug(worker);
    if (member !== undefined) this.#orders.left(member);
  }

  #unplug(worker: ModelWorker): void {
    worker.member = undefined;
    worker.inbox = [];
  }

  /** Another process in its place. */
  restart(worker: ModelWorker): void {
    this.leave(worker);
    Object.assign(worker, new ModelWorker());
    this.join(worker);
  }

  /** The worker reads what control has said. */
  deliver(worker: ModelWorker): void {
    for (const message of worker.inbox.splice(0)) {
      if (message.type === 'trust') {
        const until = message.until - this.#offsetMs - ROUNDING_MS;
        worker.trustedUntil = until;
        if (message.news !== undefined) worker.marks.learn(message.news, until - TRUST_MS);
      } else if (message.type === 'forget') {
        const purges = message.orders.filter((order) => 'purge' in order).length;
        for (const order of message.orders) worker.marks.take(order, this.#clock.now());
        if (purges > 0) {
          worker.stored = undefined;
          if (worker.fetch !== undefined) worker.fetch.isInvalidated = true;
        }
        worker.position = message.position;
        const report = { type: 'forgotten', number: message.position.number, entries: purges } as const;
        if (worker.member !== undefined) this.#orders.said(worker.member, report);
      }
    }
  }

  /** As the admin API purges: here at once, and everywhere by news. Resolves with whether every host has. */
  async purge(): Promise<boolean> {
    const id = this.#desk.newId();
    void this.#orders.purge({}, { id });
    return (await this.#desk.tell('purge', {}, id)).detail === undefined;
  }
}
