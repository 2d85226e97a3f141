import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../src/core/errors.ts';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { Random } from '../../src/core/random.ts';
import type { Interval } from './checkers/cap.ts';
import type { GenerationReply } from './checkers/purges.ts';
import type { BackendHost } from './members/backend-host.ts';
import type { GatewayHost } from './members/gateway-host.ts';
import { pick } from './pick.ts';

/** A change of pages at the backend and the purge behind it, from asked to answered. */
export interface PurgeCall extends Interval {
  readonly host: string;
  /** The new versions by page. */
  readonly versions: Readonly<Record<string, number>>;
  /** 200: all hosts have carried it out; 0: no answer. */
  readonly status: number;
  readonly detail?: string;
}

/** A page that a client has got. */
export interface PageReply extends GenerationReply {
  /** Where it came from: the worker, the shared cache, or the backend. */
  readonly source: 'l1' | 'l2' | 'backend';
}

const PAGES = ['shop', 'news', 'help', 'team'];
const ENDPOINT = 'page';
/** Clients ask all hosts by one name, because hosts share the replies of one name only. */
const NAME = 'pages.example';
/** Of all readers together, so that more hosts do not mean more load. */
const READS_PER_SECOND = 75;
const PURGE_EVERY_MS = 400;
/** Purges that are under way at a time. */
const PURGERS = 2;
const PATIENCE_MS = 8000;

/** The upstream and the route of the pages. */
export const pageUpstream = (backend: string): Record<string, object> => ({
  pages: { backends: [backend], cap: 16, healthPath: '/healthz' },
});
export const pageRoute = {
  endpoint: ENDPOINT,
  path: '/page/*',
  upstream: 'pages',
  authenticate: false,
  cache: { ttlSeconds: 3600 },
};

/** What a purge names, and which pages that are. */
const purgesOf = (page: string): readonly { readonly body: object; readonly pages: readonly string[] }[] => [
  { body: { group: page }, pages: [page] },
  { body: { endpoint: ENDPOINT, path: `/page/${page}` }, pages: [page] },
  { body: { group: page, soft: true }, pages: [page] },
  { body: { endpoint: ENDPOINT }, pages: PAGES },
  { body: {}, pages: PAGES },
];

/** Readers of pages at all hosts, and two clients who change pages and purge them through any host. */
export class PageClients {
  readonly purges: PurgeCall[] = [];
  readonly replies: PageReply[] = [];
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 10_000 });
  readonly #backend: BackendHost;
  readonly #hosts: readonly GatewayHost[];
  readonly #random: Random;
  readonly #loops: Promise<void>[];
  #isStopped = false;

  constructor(hosts: readonly GatewayHost[], backend: BackendHost, random: Random) {
    this.#hosts = hosts;
    this.#backend = backend;
    this.#random = random;
    this.#loops = hosts.map((host) => this.#readAll(host));
    for (let purger = 0; purger < PURGERS; purger++) this.#loops.push(this.#purgeAll());
  }

  /** Ends when every call has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #readAll(host: GatewayHost): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      const reply = await this.#read(host, PAGES[turn % PAGES.length] ?? '');
      if (reply !== undefined) this.replies.push(reply);
      await pause((this.#hosts.length * 1000) / READS_PER_SECOND);
    }
  }

  /** Undefined if there is no page. Never rejects. */
  #read(host: GatewayHost, page: string): Promise<PageReply | undefined> {
    const askedMs = machineNowMs();
    return new Promise((resolve) => {
      const options = { agent: this.#agent, timeout: PATIENCE_MS, headers: { host: NAME } };
      const sent = request(`${host.url}/page/${page}`, options, (reply) => {
        let text = '';
        reply.setEncoding('utf8');
        reply.on('data', (chunk: string) => (text += chunk));
        reply.on('error', () => resolve(undefined));
        reply.on('end', () => {
          if (reply.statusCode !== 200) return resolve(undefined);
          const source = sourceOf(String(reply.headers['cache-status'] ?? ''));
          resolve({ group: page, generation: Number(text), askedMs, host: host.place.name, source });
        });
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => resolve(undefined));
      sent.end();
    });
  }

  async #purgeAll(): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      const page = pick(PAGES, this.#random);
      const kinds = purgesOf(page);
      const host = pick(this.#hosts, this.#random);
      const kind = kinds[turn % kinds.length];
      if (kind !== undefined) await this.#purge(host, kind.body, kind.pages);
      await pause(PURGE_EVERY_MS);
    }
  }

  async #purge(host: GatewayHost, body: object, pages: readonly string[]): Promise<void> {
    const versions = await this.#backend.change(pages);
    const startMs = machineNowMs();
    const answer = await answerOf(host.administer('/api/cache/purge', body, AbortSignal.timeout(PATIENCE_MS)));
    this.purges.push({ host: host.place.name, versions, startMs, endMs: machineNowMs(), ...answer });
  }
}

const sourceOf = (cacheStatus: string): PageReply['source'] =>
  cacheStatus.includes('detail=l2') ? 'l2' : cacheStatus.includes('; hit') ? 'l1' : 'backend';

async function answerOf(asked: Promise<Response>): Promise<Pick<PurgeCall, 'status' | 'detail'>> {
  try {
    const reply = await asked;
    const text = await reply.text();
    return reply.status === 200 ? { status: 200 } : { status: reply.status, detail: text };
  } catch (error) {
    return { status: 0, detail: messageOf(error) };
  }
}
