import type { RouteConfig } from '../../config/model.ts';
import type { ErrorPages } from '../../config/model.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { Compressor } from '../compression/compressor.ts';
import type { Exchange } from '../exchange.ts';
import type { ReplySink } from '../upstream/reply-sink.ts';
import type { UpstreamRequest } from '../upstream/upstream-call.ts';
import type { CacheClient } from '../cache/cache-client.ts';
import type { Checked } from '../limits/checked.ts';
import type { ReplyChange } from '../http/reply-change.ts';
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
  /** Finds out who the client is; undefined: everyone may use the route. */
  readonly authenticator?: Authenticator | undefined;
  /** Exempt from the limit per address, because probes must always be answered. */
  readonly skipsAddressLimit?: boolean;
  /** Exempt from the limits of keys: the work of batches has limits of its own. */
  readonly skipsKeyLimits?: boolean;
  /** Its settings, which any step may read; undefined for Rampart's own routes. */
  readonly config?: RouteConfig;
  /** Who may use it before a key is looked at; undefined: everyone. */
  readonly gate?: RouteGate | undefined;
  /** Its own rate limit; undefined: none. */
  readonly limit?: { check(x: Exchange): Checked } | undefined;
  /** Changes the header lines of every reply; undefined: none. */
  readonly replyChange?: ReplyChange | undefined;
  readonly errorPages?: ErrorPages | undefined;
  /** Compresses its replies; undefined: they are sent as they are. */
  readonly compressor?: Compressor | undefined;
}

/** Decides by the address and the origin of a request; answers preflights. */
export interface RouteGate {
  /** True: the request has been answered. */
  check(x: Exchange): Refusal | true | undefined;
}

type MaybePrepared = Prepared | Refusal | undefined;

/** Served by a backend. */
export interface UpstreamRoute extends Common {
  readonly kind: 'upstream';
  /** Undefined: the request has been answered. */
  prepare(x: Exchange): MaybePrepared | Promise<MaybePrepared>;
}

/** Answered by the gateway itself. */
export interface LocalRoute extends Common {
  readonly kind: 'local';
  answer(x: Exchange): Refusal | undefined | Promise<Refusal | undefined>;
}

export type Route = UpstreamRoute | LocalRoute;
