import { z } from 'zod';
import type { HostMark } from '../../policy/fleet/news-hosts.ts';
import type { FleetNews, NewsPage, NumberedNews } from '../../policy/fleet/news-progress.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import { newsFunctions } from './news-functions.ts';
import type { ValkeyClient } from './valkey-client.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';

/** One control asks for news. */
export interface NewsAsk {
  readonly control: string;
  readonly host: string;
  readonly acknowledged: NewsPosition | undefined;
  readonly after: NewsPosition | undefined;
  readonly wantsHosts: boolean;
}

export interface NewsAnswer extends NewsPage {
  /** Since when the stream exists. */
  readonly ageMs: number;
  /** Undefined if they were not asked for. */
  readonly hosts: readonly HostMark[] | undefined;
}

/** The stream of news for all hosts. */
export interface NewsStream {
  /** Differs for each connection; undefined while there is none. */
  readonly connection: string | undefined;
  /** Why there is none. */
  readonly problem: string | undefined;
  /** Adds news. News with the same id is added once, so it can be repeated after a failure. */
  issue(news: FleetNews): Promise<NewsPosition>;
  read(ask: NewsAsk): Promise<NewsAnswer>;
  leave(control: string): Promise<void>;
  /** Calls `nudged` when there may be news, without a guarantee. Returns a function that ends the subscription. */
  onNudge(nudged: () => void): () => void;
}

/** Another format takes another number. Hosts of both formats do not hear each other. */
const STATE_KEY = 'rampart:news:1';
const KEYS = [STATE_KEY, `${STATE_KEY}:stream`, `${STATE_KEY}:hosts`, `${STATE_KEY}:ids`];
/** News of one answer, which keeps a call short, and a page of the longest news within what a connection takes. */
const PAGE = 200;

const count = z.int().min(0);
const issued = z.tuple([z.string(), count]);
const answerSchema = z.tuple([
  z.string(),
  z.int(),
  count,
  z.array(z.tuple([count, z.string(), z.string(), z.string(), z.string()])),
  z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), count])),
]);

/** The stream of news in Valkey. */
export class ValkeyNews implements NewsStream {
  readonly #client: ValkeyClient;

  /** The client has the library `newsFunctions`. */
  constructor(client: ValkeyClient) {
    this.#client = client;
  }

  get connection(): string | undefined {
    const { runId } = this.#client;
    return runId === undefined ? undefined : `${runId} ${this.#client.status().since}`;
  }

  get problem(): string | undefined {
    return this.#client.status().problem;
  }

  async issue({ id, kind, host, body }: FleetNews): Promise<NewsPosition> {
    const answer = await this.#call('issue', [this.#runId(), id, kind, host, JSON.stringify(body)]);
    const [stream, number] = readable(issued, answer);
    return { stream, number };
  }

  async read({ control, host, acknowledged, after, wantsHosts }: NewsAsk): Promise<NewsAnswer> {
    const places = [acknowledged, after].flatMap((place) => [place?.stream ?? '-', place?.number ?? 0]);
    const args = [this.#runId(), control, host, ...places, PAGE, wantsHosts ? 1 : 0];
    const [stream, ageMs, last, news, hosts] = readable(answerSchema, await this.#call('read', args));
    return {
      stream,
      ageMs,
      last,
      news: news.map(newsOf),
      hosts: wantsHosts ? hosts.map(markOf) : undefined,
    };
  }

  async leave(control: string): Promise<void> {
    await this.#call('leave', [control]);
  }

  onNudge(nudged: () => void): () => void {
    return this.#client.subscribe(`${STATE_KEY}:nudge`, nudged);
  }

  #call(name: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.#client.call(newsFunctions.named(name), KEYS, args);
  }

  #runId(): string {
    const { runId } = this.#client;
    if (runId === undefined) throw new ValkeyUnavailable('not-connected', this.problem ?? 'it is not connected yet');
    return runId;
  }
}

function readable<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new ValkeyUnavailable('refused', 'it gave no news that can be read');
}

const newsOf = ([number, id, kind, host, text]: [number, string, string, string, string]): NumberedNews => ({
  number,
  id,
  kind,
  host,
  body: bodyOf(text),
});

/** The body that any release may have written; undefined if it is not JSON. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const markOf = ([control, host, seen, stream, number]: [string, string, string, string, number]): HostMark => ({
  control,
  host,
  seen,
  acknowledged: stream === '-' ? undefined : { stream, number },
});
