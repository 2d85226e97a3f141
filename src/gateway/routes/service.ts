import type { EndpointMetrics } from '../metrics.ts';
import type { GatewayContext } from '../context.ts';
import { Refusal } from '../refusal.ts';
import type { LocalRoute } from './route.ts';

const jsonHeaders = (): string[] => ['content-type', 'application/json', 'cache-control', 'no-store'];

/** GET /healthz: the process lives. */
export function healthRoute(metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    skipsAddressLimit: true,
    answer(x) {
      x.respond(200, jsonHeaders(), '{"status":"ok"}');
      return undefined;
    },
  };
}

/**
 * GET /readyz: whether this worker can serve. It must not be draining, each required upstream must have a backend that is
 * up, and a host of a fleet must have its place there.
 */
export function readyRoute(gateway: GatewayContext, metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    skipsAddressLimit: true,
    answer(x) {
      if (gateway.isDraining()) return new Refusal('draining', 'this worker is stopping', { retryAfterSeconds: 1 });
      const away = gateway.upstreams.filter(
        ({ isRequired, backends }) => isRequired && backends.every((backend) => !backend.available),
      );
      if (away.length > 0) {
        const names = away.map(({ name }) => name).join(', ');
        return new Refusal('no-backend', `no backend is up in: ${names}`, { retryAfterSeconds: 1 });
      }
      const now = gateway.clock.now();
      for (const { leaseEnd } of gateway.upstreams) {
        const reason = leaseEnd?.unreadyBecause(now);
        if (reason !== undefined) return new Refusal('no-backend', reason, { retryAfterSeconds: 1 });
      }
      x.respond(200, jsonHeaders(), '{"status":"ready"}');
      return undefined;
    },
  };
}

/** GET /openapi.json. */
export function openApiRoute(document: string, metrics: EndpointMetrics): LocalRoute {
  return {
    kind: 'local',
    metrics,
    answer(x) {
      x.respond(200, ['content-type', 'application/json', 'cache-control', 'public, max-age=300'], document);
      return undefined;
    },
  };
}
