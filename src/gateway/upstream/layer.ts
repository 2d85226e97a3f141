import type { Refusal } from '../refusal.ts';
import type { ReplySink } from './reply-sink.ts';
import type { UpstreamCall } from './upstream-call.ts';

/** The head of a backend's reply has arrived. The layer that gets it passes the reply on or discards it. */
export interface Reply {
  readonly kind: 'replied';
  readonly status: number;
  /** The backend is overloaded: it answered 429, or 503 with Retry-After or with a generator's overload header. */
  readonly isOverloaded: boolean;
  /** Milliseconds until the head was there. A hedge adds the time before it was sent. */
  execMs: number;
  /**
   * Passes the whole reply on. Resolves with the failure that cut it, or with undefined. A sink that cancels the call gets
   * no more bytes and no end, because an end would mark the reply as complete.
   */
  passTo(sink: ReplySink): Promise<Failure | undefined> | Failure | undefined;
  /**
   * Reads and drops the rest to keep the connection, or closes the connection if that takes too long. No caller waits
   * for it.
   */
  discard(): void;
}

/** A backend was asked, and did not reply. */
export interface Failure {
  readonly kind: 'failed';
  readonly refusal: Refusal;
  readonly execMs: number;
  /** No connection was made, so the backend cannot have seen the request. */
  readonly beforeConnection: boolean;
  /** The head of a reply had arrived. */
  readonly replyStarted: boolean;
  /** Another backend would end the request the same way. */
  readonly isFinal: boolean;
}

/** No backend was asked. */
export interface Refused {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

/** The result of a call. */
export type Answer = Reply | Failure | Refused;

/** Answers calls: a layer with all layers below it. It rejects only because of a bug. */
export type Service = (call: UpstreamCall) => Promise<Answer>;

/**
 * One concern between the request path and a backend: makes a service of the one below it.
 *
 * An answer is there with the head of the reply. A layer that watches the whole reply passes on a Reply whose `passTo` and
 * `discard` wrap those of the one below. Before it calls on, a layer awaits only what is settled already (microtasks), so
 * that a call is in its queue before the next event. A layer that has to wait longer sets `call.current` to what it waits
 * for, so that the call can be cancelled.
 */
export type Layer = (next: Service) => Service;

/** Puts layers, the outermost first, on top of the service that asks the backend. */
export const compose = (layers: readonly Layer[], innermost: Service): Service =>
  layers.reduceRight((next, layer) => layer(next), innermost);
