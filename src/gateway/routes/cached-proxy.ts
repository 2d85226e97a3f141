import type { RouteConfig, RouteCache } from '../../config/model.ts';
import { formatHttpDate, parseHttpDate } from '../../core/http-date.ts';
import { isNotModified, type Validators } from '../../policy/cache/conditional.ts';
import {
  type RequestCacheControl,
  requestCacheControlOf,
  type RequestFields,
} from '../../policy/cache/request-cache-control.ts';
import type { ReplyJudge } from '../../policy/cache/reply-judge.ts';
import { joined, type ReplyHead, type Verdict } from '../../policy/cache/storing.ts';
import type { ReplyHeaders } from '../upstream/reply-sink.ts';
import type { CacheClient, Ending, CacheSink } from '../cache/cache-client.ts';
import { type CacheKey, type Entry, keyText, notModifiedHeaders } from '../cache/entry.ts';
import { hasCredentials, readFields } from '../cache/request-fields.ts';
import type { Exchange } from '../exchange.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { GatewayContext } from '../context.ts';
import { forwardedSelection } from '../http/request-headers.ts';
import { ClientSink, type ClientSinkOptions, replyHeaders } from '../http/reply-sinks.ts';
import type { SessionOf } from './sessions.ts';
import type { ToBackend } from './to-backend.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** The common part of all requests of one cached route. */
export interface CachedRoute {
  readonly gateway: GatewayContext;
  readonly config: RouteConfig;
  /** The route's name in keys. */
  readonly keyName: string;
  readonly sharedScope: string | undefined;
  readonly rules: RouteCache;
  readonly upstream: Upstream;
  readonly routeClass: number;
  readonly toBackend: ToBackend;
  /** Undefined if the upstream has no sessions. */
  readonly sessionOf: SessionOf | undefined;
  /** The fields that tell a backend who the client is. */
  readonly identity: ReadonlySet<string>;
  readonly judge: ReplyJudge;
}

/** The key of a path with query: equal only for requests that reach a backend with the same host, path and query. */
function proxyKey({ config, keyName: name, gateway }: CachedRoute, x: Exchange): CacheKey {
  const { endpoint } = config;
  const target = x.head.path + x.head.query;
  const host = x.head.origin;
  const selection = forwardedSelection(x, gateway.trustedProxies);
  return { endpoint, host, target, text: keyText(name, host, target, selection) };
}

/** A GET or HEAD of a proxied route, as the cache sees it. */
export class CachedProxyRequest implements CacheClient {
  readonly kind = 'cacheable';
  readonly x: Exchange;
  readonly key: CacheKey;
  readonly requestCacheControl: RequestCacheControl;
  readonly #route: CachedRoute;
  readonly #fields: RequestFields;

  constructor(route: CachedRoute, x: Exchange) {
    this.x = x;
    this.#route = route;
    this.#fields = readFields(x.head);
    this.requestCacheControl = requestCacheControlOf(this.#fields);
    this.key = proxyKey(route, x);
  }

  get sharedScope(): string | undefined {
    return this.#route.sharedScope;
  }

  get maxEntryBytes(): number {
    return this.#route.rules.maxEntryBytes;
  }

  request(stale: Entry | undefined): UpstreamRequest {
    const { config, upstream, toBackend, sessionOf } = this.#route;
    const headers = toBackend.headers(this.x);
    if (this.requestCacheControl.past === undefined && this.x.request.method === 'GET') validateOurs(headers, stale);
    return {
      upstream,
      method: this.x.request.method,
      path: toBackend.target(this.x),
      headers,
      body: null,
      idempotent: true,
      pure: config.pure,
      hedge: config.hedge,
      retry: config.retry,
      isStream: config.longLived,
      streamsAreWork: config.streamsAreWork,
      idleTimeoutMs: config.idleTimeoutMs,
      routeClass: this.#route.routeClass,
      session: sessionOf?.(this.x),
      timeoutMs: config.timeoutMs,
      // A fetch serves several subscribers, each of which has a deadline of its own.
      clientWaitsMs: undefined,
    };
  }

  judge(head: ReplyHead): Verdict {
    const { gateway, config, judge } = this.#route;
    const credentials = config.authenticate || hasCredentials(this.x.head);
    const verdict = judge.judge(head, credentials, gateway.clock.wallNow());
    // Variants are selected by the fields of the client, and these were not the client's.
    if (verdict.store && verdict.vary.some((name) => this.#route.identity.has(name)))
      return { store: false, share: false, because: 'it varies by who the client is' };
    return verdict;
  }

  openSink(): CacheSink {
    const { bugs, replies, tunnels } = this.#route.gateway;
    const { longLived, streamsAreWork, idleTimeoutMs, bufferReplyBytes } = this.#route.config;
    const isEndless = longLived && idleTimeoutMs === undefined;
    return new ConditionalSink(this, { bugs, replies, tunnels, bufferReplyBytes, streamsAreWork, isEndless });
  }

  finish(): Ending {
    return undefined;
  }

  deliver(entry: Entry, ageSeconds: number): Ending {
    const { x } = this;
    if (x.over) return undefined;
    const isUnchanged = entry.status === 200 && this.hasAlready(entry.validators);
    const headers = isUnchanged ? notModifiedHeaders(entry.headers) : entry.headers.slice();
    headers.push('age', String(ageSeconds));
    x.writeHead(isUnchanged ? 304 : entry.status, headers);
    if (isUnchanged) x.reply.end();
    else if (typeof entry.body === 'string') x.reply.end(entry.body, 'latin1');
    else x.reply.end(entry.body);
    return undefined;
  }

  /** Whether the client has a stored reply, by its conditions. */
  mayHave(): boolean {
    const { ifNoneMatch, ifModifiedSince } = this.#fields;
    return this.requestCacheControl.past === undefined && (ifNoneMatch !== undefined || ifModifiedSince !== undefined);
  }

  /** Whether the client's stored reply is this one. */
  hasAlready(validators: Validators): boolean {
    const { ifNoneMatch, ifModifiedSince } = this.#fields;
    return (
      this.mayHave() && isNotModified(validators, { ifNoneMatch, ifModifiedSinceMs: parseHttpDate(ifModifiedSince) })
    );
  }
}

/**
 * The cache answers the client's conditions from a whole reply. A backend gets the conditions of the stored reply
 * instead.
 */
function validateOurs(headers: string[], stale: Entry | undefined): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    const name = (headers[index] as string).toLowerCase();
    if (name === 'if-none-match' || name === 'if-modified-since') headers.splice(index, 2);
  }
  if (stale === undefined) return;
  const { etag, lastModifiedMs } = stale.validators;
  if (etag !== undefined) headers.push('if-none-match', etag);
  if (lastModifiedMs !== undefined) headers.push('if-modified-since', formatHttpDate(lastModifiedMs));
}

/** Streams a reply, or sends 304 if the client has it already. */
class ConditionalSink extends ClientSink implements CacheSink {
  readonly #client: CachedProxyRequest;
  #isSatisfied = false;

  constructor(client: CachedProxyRequest, options: ClientSinkOptions) {
    super(client.x, options);
    this.#client = client;
  }

  get isSatisfied(): boolean {
    return this.#isSatisfied;
  }

  override head(status: number, headers: ReplyHeaders): void {
    const { x } = this.#client;
    this.#isSatisfied =
      status === 200 && x.request.method === 'GET' && this.#client.mayHave() && this.#isKnown(headers);
    if (!this.#isSatisfied) super.head(status, headers);
    else if (!x.over) {
      x.writeHead(304, notModifiedHeaders(replyHeaders(headers, 304)));
      x.reply.end();
    }
  }

  #isKnown(headers: ReplyHeaders): boolean {
    const lastModifiedMs = parseHttpDate(joined(headers['last-modified']));
    return this.#client.hasAlready({ etag: joined(headers['etag']), lastModifiedMs });
  }

  override data(chunk: Buffer, resume: () => void): boolean {
    return this.#isSatisfied || super.data(chunk, resume);
  }

  override end(): void {
    if (!this.#isSatisfied) super.end();
  }
}
