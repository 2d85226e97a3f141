import type { RouteConfig } from '../../config/config.ts';
import { ReplyJudge } from '../../policy/cache/reply-judge.ts';
import type { ReplyHeaders, Sink } from '../attempt.ts';
import { forwardedStatus } from '../cache/cache-status.ts';
import type { EndpointMetrics } from '../gateway-metrics.ts';
import type { GatewayContext } from '../gateway-context.ts';
import type { Exchange } from '../exchange.ts';
import { bodyTooLarge, RequestBody } from '../request-body.ts';
import { requestHeaders } from '../request-headers.ts';
import { Refusal } from '../refusal.ts';
import { ClientSink } from '../sinks.ts';
import { TunnelSink } from '../tunnel.ts';
import type { Upstream } from '../upstream.ts';
import type { UpstreamRoute } from './route.ts';
import { type CachedRoute, CachedProxyRequest, proxyKey } from './cached-proxy.ts';

/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** RFC 9110 §9.2.1: what changes nothing outdates nothing. */
const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** A route of the configuration file: what comes in goes to a backend as it is, and its reply back. */
export function proxyRoute(
  gateway: GatewayContext,
  config: RouteConfig,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  const routeClass = upstream.classOf(config.endpoint);
  const cached: CachedRoute | undefined =
    config.cache === undefined || !gateway.cache.isOn
      ? undefined
      : { gateway, config, rules: config.cache, upstream, routeClass, judge: new ReplyJudge(config.cache) };
  return {
    kind: 'upstream',
    metrics,
    authenticate: config.authenticate,
    priority: config.priority,
    prepare(x) {
      const { contentLength, chunked } = x.head;
      if (contentLength !== undefined && contentLength > config.maxBodyBytes) return bodyTooLarge(config.maxBodyBytes);
      const method = x.req.method ?? 'GET';
      const hasBody = chunked || contentLength !== 0;
      if (x.upgrade !== undefined && (method !== 'GET' || hasBody)) {
        return new Refusal('malformed-request', 'an upgrade is a GET without a body', { close: true });
      }
      if (x.upgrade !== undefined && gateway.isDraining()) {
        return new Refusal('draining', 'this worker is stopping', { retryAfterSeconds: 1 });
      }
      // A body is part of no key, and a backend may read it though the method gives it no meaning.
      const isRead = (method === 'GET' || method === 'HEAD') && !hasBody && x.upgrade === undefined;
      if (cached !== undefined) {
        if (isRead) return new CachedProxyRequest(cached, x);
        x.cacheStatus = forwardedStatus({ reason: safe.has(method) ? 'bypass' : 'method' });
        metrics.countCache('bypass');
      }
      const headers = requestHeaders(x, gateway.trustedProxies);
      if (hasBody && contentLength !== undefined) headers.push('content-length', String(contentLength));
      return {
        kind: 'direct',
        call: {
          upstream,
          method,
          path: x.head.path + x.head.query,
          headers,
          body: hasBody ? () => new RequestBody(x, config.maxBodyBytes) : null,
          idempotent: idempotent.has(method),
          pure: config.pure,
          hedge: config.hedge && !hasBody && x.upgrade === undefined && (config.pure || idempotent.has(method)),
          routeClass,
          timeoutMs: config.timeoutMs,
          clientWaitsMs: x.head.deadlineMs,
          ...(x.upgrade === undefined ? {} : { upgrade: 'websocket' as const }),
        },
        sink: sinkFor(gateway, x, method),
      };
    },
  };
}

function sinkFor(gateway: GatewayContext, x: Exchange, method: string): Sink {
  const stallMs = gateway.config.env.UPSTREAM_TIMEOUT_MS;
  if (x.upgrade !== undefined) return new TunnelSink(x, gateway);
  if (safe.has(method) || gateway.cachedRoutes.length === 0) return new ClientSink(x, gateway.clock, stallMs);
  return new OutdatingSink(gateway, x);
}

/** The reply to an unsafe request: one that succeeded outdates what is kept of its target (RFC 9111 §4.4). */
class OutdatingSink extends ClientSink {
  readonly #gateway: GatewayContext;
  readonly #x: Exchange;

  constructor(gateway: GatewayContext, x: Exchange) {
    super(x, gateway.clock, gateway.config.env.UPSTREAM_TIMEOUT_MS);
    this.#gateway = gateway;
    this.#x = x;
  }

  override head(status: number, headers: ReplyHeaders): void {
    // Before the client hears of its success: what it then reads is new.
    if (status < 400) {
      const { path, query } = this.#x.head;
      const named = [headers['location'], headers['content-location']].flatMap((value) => this.#target(value));
      for (const target of new Set([path + query, ...named])) this.#outdate(target);
    }
    super.head(status, headers);
  }

  /** Any route may keep what this path serves: GET need not go the way of the unsafe method. */
  #outdate(target: string): void {
    const { cachedRoutes, trustedProxies, cache } = this.#gateway;
    for (const endpoint of cachedRoutes) cache.invalidate(proxyKey(endpoint, this.#x, target, trustedProxies).text);
  }

  /** Another host's replies are not this one's to outdate. */
  #target(value: string | string[] | undefined): string[] {
    const base = `http://${this.#x.head.host}`;
    if (typeof value !== 'string' || !URL.canParse(value, base)) return [];
    const url = new URL(value, base);
    return url.host === new URL(base).host ? [url.pathname + url.search] : [];
  }
}
