import type { RouteConfig } from '../../config/model.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { ReplySink } from '../upstream/reply-sink.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { CacheClient } from '../cache/cache-client.ts';
import type { Refusal } from '../refusal.ts';

/** A request that is ready for a backend, and the sink of its reply. */
export interface Direct {
  readonly kind: 'direct';
  readonly request: UpstreamRequest;
  readonly sink: ReplySink;
}

/** A request for a backend, or one that the cache may answer in its place. */
export type Prepared = Direct | CacheClient;

interface Common {
  readonly metrics: EndpointMetrics;
  readonly authenticate: boolean;
  /** Exempt from the limit per address, because probes must always be answered. */
  readonly skipsAddressLimit?: boolean;
  /** Its settings, which any step may read; undefined for Rampart's own routes. */
  readonly config?: RouteConfig;
}

/** Served by a backend. */
export interface UpstreamRoute extends Common {
  readonly kind: 'upstream';
  prepare(x: Exchange): Prepared | Refusal | Promise<Prepared | Refusal>;
}

/** Answered by the gateway itself. */
export interface LocalRoute extends Common {
  readonly kind: 'local';
  answer(x: Exchange): Refusal | undefined | Promise<Refusal | undefined>;
}

export type Route = UpstreamRoute | LocalRoute;
