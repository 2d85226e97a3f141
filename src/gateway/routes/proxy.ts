import type { RouteConfig, UpstreamConfig } from '../../config/model.ts';
import { Split } from '../../policy/routing/split.ts';
import { ReplyJudge } from '../../policy/cache/reply-judge.ts';
import { forwardedStatus } from '../cache/cache-status.ts';
import { keyName } from '../cache/entry.ts';
import { sharedScopeOf } from '../cache/shared-scope.ts';
import type { GatewayContext } from '../context.ts';
import { SideMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import { bodyTooLarge } from '../http/body-refusals.ts';
import { StreamedUpload } from '../http/streamed-upload.ts';
import { valueAt } from '../http/request-head.ts';
import { requestPartOf } from './request-part.ts';
import { type SessionOf, sessionsOf } from './sessions.ts';
import { type ToBackend, toBackend } from './to-backend.ts';
import { Refusal } from '../refusal.ts';
import { ClientSink } from '../http/reply-sinks.ts';
import { TunnelSink } from '../websocket/tunnel.ts';
import { Mirror } from '../upstream/mirror.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { ReplySink } from '../upstream/reply-sink.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { Prepared, UpstreamRoute } from './route.ts';
import { type CachedRoute, CachedProxyRequest } from './cached-proxy.ts';
import { InvalidatingSink } from './invalidating-sink.ts';

/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** A route of the configuration file: forwards a request to a backend, and its reply to the client. */
export function proxyRoute(
  gateway: GatewayContext,
  config: RouteConfig,
  upstreamOf: (name: string) => Upstream,
  identity: ReadonlySet<string>,
): Pick<UpstreamRoute, 'kind' | 'prepare'> {
  const { upstream, upstreams = [], splitBy } = config;
  const mirror = mirrorOf(gateway, config, upstreamOf);
  if (upstream !== undefined) {
    const side = new ProxySide(gateway, config, upstreamOf(upstream), { mirror, identity });
    return { kind: 'upstream', prepare: (x) => side.prepare(x) };
  }
  const split = new Split(
    upstreams.map((one) => ({
      target: new ProxySide(gateway, config, upstreamOf(one.upstream), { mirror, identity, side: one.upstream }),
      weight: one.weight,
    })),
  );
  const partOf = requestPartOf(splitBy, gateway.trustedProxies, gateway.random);
  return { kind: 'upstream', prepare: (x) => split.of(partOf(x)).prepare(x) };
}

function mirrorOf(
  gateway: GatewayContext,
  { mirror, endpoint }: RouteConfig,
  upstreamOf: (name: string) => Upstream,
): Mirror | undefined {
  if (mirror === undefined) return undefined;
  const { stack, clock, random, bugs, metrics } = gateway;
  const upstream = upstreamOf(mirror.upstream);
  const routeClass = upstream.classOf(endpoint);
  const share = mirror.percent / 100;
  return new Mirror({ upstream, share, routeClass, stack, clock, random, bugs, count: metrics.mirrored, endpoint });
}

interface SideOptions {
  readonly mirror: Mirror | undefined;
  /** The fields that tell a backend who the client is. */
  readonly identity: ReadonlySet<string>;
  /** The name of the upstream, where the route has several. */
  readonly side?: string;
}

/** A proxied route at one of its upstreams. */
class ProxySide {
  readonly #gateway: GatewayContext;
  readonly #config: RouteConfig;
  readonly #upstream: Upstream;
  readonly #upstreamConfig: UpstreamConfig | undefined;
  readonly #routeClass: number;
  readonly #cached: CachedRoute | undefined;
  readonly #toBackend: ToBackend;
  /** Only where the route has several upstreams. */
  readonly #metrics: SideMetrics | undefined;
  readonly #mirror: Mirror | undefined;
  readonly #sessionOf: SessionOf | undefined;

  constructor(
    gateway: GatewayContext,
    config: RouteConfig,
    upstream: Upstream,
    { mirror, identity, side }: SideOptions,
  ) {
    this.#gateway = gateway;
    this.#mirror = mirror;
    this.#config = config;
    this.#upstream = upstream;
    this.#upstreamConfig = gateway.config.upstreams.find(({ name }) => name === upstream.name);
    const { hashBy } = this.#upstreamConfig ?? {};
    this.#sessionOf = hashBy === undefined ? undefined : sessionsOf(hashBy, gateway.trustedProxies, gateway.random);
    const routeClass = upstream.classOf(config.endpoint);
    this.#routeClass = routeClass;
    const { cache, endpoint } = config;
    this.#metrics = side === undefined ? undefined : new SideMetrics(gateway.metrics, endpoint, side);
    const backend = toBackend(config, gateway.trustedProxies, identity);
    this.#toBackend = backend;
    const common = {
      gateway,
      config,
      keyName: keyName(endpoint, side),
      sharedScope: gateway.cache.isShared ? sharedScopeOf(config, upstream.name) : undefined,
      upstream,
      routeClass,
      toBackend: backend,
      sessionOf: this.#sessionOf,
      identity,
    };
    this.#cached =
      cache === undefined || !gateway.cache.isOn
        ? undefined
        : { ...common, rules: cache, judge: new ReplyJudge(cache) };
  }

  prepare(x: Exchange): Prepared | Refusal | Promise<Prepared | Refusal> {
    x.side = this.#metrics;
    const config = this.#config;
    const { contentLength } = x.head;
    if (contentLength !== undefined && contentLength > config.maxBodyBytes) return bodyTooLarge(config.maxBodyBytes);
    const method = x.request.method;
    const hasBody = contentLength !== 0;
    if ((hasBody || method !== 'GET') && asksForWebSocket(x)) {
      return new Refusal('malformed-request', 'an upgrade is a GET without a body', { close: true });
    }
    if (x.request.upgrade !== undefined && this.#gateway.isDraining()) {
      return new Refusal('draining', 'this worker is stopping', { retryAfterSeconds: 1 });
    }
    if (this.#cached !== undefined) {
      // A body is not part of a key, and a backend may read it although the method gives it no meaning.
      const isRead = (method === 'GET' || method === 'HEAD') && !hasBody && x.request.upgrade === undefined;
      if (isRead) return new CachedProxyRequest(this.#cached, x);
      x.cacheStatus = forwardedStatus({ reason: x.isSafe ? 'bypass' : 'method' });
      x.countCache('bypass');
    }
    if (!hasBody) return this.#direct(x, null, undefined);
    return config.upload === 'stream' ? this.#streamed(x) : this.#buffered(x);
  }

  #streamed(x: Exchange): Prepared {
    const limits = { limitBytes: this.#config.maxBodyBytes, stallMs: this.#config.timeoutMs };
    const body = (): StreamedUpload => new StreamedUpload(x.request, limits, this.#gateway);
    return this.#direct(x, body, x.head.contentLength);
  }

  /** A client that sends slowly holds no permit, because no backend is asked before the body is complete. */
  async #buffered(x: Exchange): Promise<Prepared | Refusal> {
    const { maxBodyBytes, bufferBodyBytes } = this.#config;
    const stored = await this.#gateway.uploads.receive(x, { maxBytes: maxBodyBytes, memoryBytes: bufferBodyBytes });
    if (stored instanceof Refusal) return stored;
    x.readyAt = this.#gateway.clock.now();
    return this.#direct(x, stored.open, stored.bytes);
  }

  #direct(x: Exchange, body: UpstreamRequest['body'], bytes: number | undefined): Prepared {
    const { pure, retry, hedge, longLived, streamsAreWork, timeoutMs, idleTimeoutMs } = this.#config;
    const method = x.request.method;
    const headers = this.#toBackend.headers(x);
    if (bytes !== undefined) headers.push('content-length', String(bytes));
    const isRepeatable = pure || idempotent.has(method);
    const isWhole = body === null || this.#config.upload === 'buffer';
    const request: UpstreamRequest = {
      upstream: this.#upstream,
      method,
      path: this.#toBackend.target(x),
      headers,
      body,
      idempotent: idempotent.has(method),
      pure,
      retry,
      hedge: hedge && isWhole && x.request.upgrade === undefined && isRepeatable,
      isStream: longLived || x.request.upgrade !== undefined,
      streamsAreWork,
      routeClass: this.#routeClass,
      timeoutMs,
      idleTimeoutMs,
      session: this.#sessionOf?.(x),
      clientWaitsMs: x.head.deadlineMs,
      ...(x.request.upgrade === undefined ? {} : { upgrade: 'websocket' as const }),
    };
    // A stream may have no end, and nobody would read the copy's.
    if (!request.isStream) this.#mirror?.copy(request, x.id);
    return { kind: 'direct', request, sink: this.#sinkFor(x) };
  }

  #sinkFor(x: Exchange): ReplySink {
    const { bugs, replies, tunnels, cache } = this.#gateway;
    const { longLived, streamsAreWork, bufferReplyBytes, idleTimeoutMs: maxSilenceMs } = this.#config;
    const isEndless = maxSilenceMs === undefined && (longLived || x.request.upgrade !== undefined);
    const options = { bugs, replies, tunnels, bufferReplyBytes, streamsAreWork, isEndless };
    if (x.request.upgrade !== undefined) {
      const idleTimeoutMs = this.#config.idleTimeoutMs ?? this.#upstreamConfig?.streams.idleTimeoutMs ?? 0;
      return new TunnelSink(x, this.#gateway, { ...options, idleTimeoutMs });
    }
    if (x.isSafe || !cache.keepsRoutes) return new ClientSink(x, options);
    return new InvalidatingSink(this.#gateway, x, options);
  }
}

function asksForWebSocket({ head, request: { version } }: Exchange): boolean {
  const index = head.names.indexOf('upgrade');
  return index !== -1 && version === '1.1' && valueAt(head, index).toLowerCase() === 'websocket';
}
