import type { Priority } from '../../policy/admission/priority.ts';
import type { EndpointMetrics } from '../gateway-metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { Sink } from '../attempt.ts';
import type { UpstreamCall } from '../forward.ts';
import type { Refusal } from '../refusal.ts';

/** What a route makes of a request before a backend is asked: the call, and where its reply goes. */
export interface Prepared {
  readonly call: UpstreamCall;
  readonly sink: Sink;
  /** Replies out of the cache, if it has the answer. */
  readonly lookUp?: () => boolean;
  /** Makes the reply, once the sink has the backend's. */
  readonly finish?: () => Promise<Refusal | undefined> | Refusal | undefined;
}

interface Common {
  readonly metrics: EndpointMetrics;
  readonly authenticate: boolean;
  /** The class of its requests in the queue. */
  readonly priority?: Priority | undefined;
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

/** How long a request may take: as long as its route allows, or less where the client says that it waits for less. */
export function timeLimitMs(x: Exchange, routeLimitMs: number): number {
  return Math.min(routeLimitMs, x.head.deadlineMs ?? routeLimitMs);
}
