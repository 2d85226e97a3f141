import type { RouteConfig } from '../../config/config.ts';
import type { EndpointMetrics } from '../gateway-metrics.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { bodyTooLarge, RequestBody } from '../request-body.ts';
import { requestHeaders } from '../request-headers.ts';
import { Refusal } from '../refusal.ts';
import { ClientSink } from '../sinks.ts';
import { TunnelSink } from '../tunnel.ts';
import type { Upstream } from '../upstream.ts';
import { timeLimitMs, type UpstreamRoute } from './route.ts';

/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** A route of the configuration file: what comes in goes to a backend as it is, and its reply back. */
export function proxyRoute(
  gateway: GatewayContext,
  config: RouteConfig,
  upstream: Upstream,
  metrics: EndpointMetrics,
): UpstreamRoute {
  const routeClass = upstream.classOf(config.endpoint);
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
      const headers = requestHeaders(x, gateway.trustedProxies);
      if (hasBody && contentLength !== undefined) headers.push('content-length', String(contentLength));
      return {
        call: {
          upstream,
          method,
          path: x.head.path + x.head.query,
          headers,
          body: hasBody ? () => new RequestBody(x, config.maxBodyBytes) : null,
          idempotent: idempotent.has(method),
          pure: config.pure,
          routeClass,
          timeoutMs: timeLimitMs(x, config.timeoutMs),
          ...(x.upgrade === undefined ? {} : { upgrade: 'websocket' as const }),
        },
        sink:
          x.upgrade === undefined
            ? new ClientSink(x, gateway.clock, gateway.config.env.UPSTREAM_TIMEOUT_MS)
            : new TunnelSink(x, gateway),
      };
    },
  };
}
