/** Ends of an attempt after which a route may try again: no connection, a connection that ended without a reply, a status. */
export type RetryCause = 'connect' | 'reset' | number;

/** A route's rules for further attempts. */
export interface RetryRules {
  /** Requests that may be sent in all, the first included; undefined: two where a backend died, else three. */
  readonly attempts: number | undefined;
  /** Undefined: `connect`, `reset`, 502, 503 and 504, and 500 for pure requests. */
  readonly on: readonly RetryCause[] | undefined;
}

export const defaultRetryRules: RetryRules = { attempts: undefined, on: undefined };

/** The common part of both kinds of failure. */
interface Failed {
  /** Whether doing the request twice is the same as doing it once. */
  readonly idempotent: boolean;
  /** Whether the request can be sent again as it was. */
  readonly replayable: boolean;
  /** Attempts so far that were sent to a backend, this one included. */
  readonly sent: number;
  /** Backends that there are. */
  readonly backends: number;
  readonly rules: RetryRules;
}

/** An attempt that failed without a reply. */
export interface FailedAttempt extends Failed {
  /** Whether the connection was never made, so that the backend cannot have seen the request. */
  readonly beforeConnection: boolean;
  /** Attempts that were never sent. */
  readonly unsent: number;
  /** Whether any part of the reply has arrived. */
  readonly replyStarted: boolean;
}

/** Requests in all of what has been sent; the budget bounds what all requests add together (Google SRE book, ch. 21). */
const MAX_SENT = 3;
/** The request may be what kills its backend: it gets one more, so that a backend that died by chance costs nothing. */
const MAX_SENT_AFTER_DEATH = 2;

/**
 * Whether a failed attempt may be made again at another backend: where the backend cannot have seen it, until each has
 * been tried; else once more, and only where doing it twice is harmless; never when a part of the reply has arrived
 * (RFC 9110 §9.2.2).
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  const { rules, replayable, replyStarted, beforeConnection, sent, unsent, backends, idempotent } = attempt;
  if (!replayable || replyStarted) return false;
  if (beforeConnection) return allows(rules, 'connect', true) && unsent < Math.max(backends, MAX_SENT);
  return allows(rules, 'reset', true) && idempotent && sent < (rules.attempts ?? MAX_SENT_AFTER_DEATH);
}

/** A reply that says that a backend failed. */
export interface FailedReply extends Failed {
  readonly status: number;
  /** The backend says that it has too much to do: with the mark of a generator, or with Retry-After. */
  readonly overloaded: boolean;
  /** Whether the request only computes: then even a 500 may be somebody's bad moment. */
  readonly pure: boolean;
}

/**
 * Whether a reply may be thrown away, and the request made again at another backend: where doing it twice is
 * harmless. When the backend asks for less, only a route that names the status does (else every refusal would double
 * the load that it is about); the backend has then done nothing, so the method does not matter.
 */
export function mayRetryReply(reply: FailedReply): boolean {
  const { status, overloaded, pure, idempotent, replayable, sent, backends, rules } = reply;
  if (!replayable || backends < 2 || sent >= (rules.attempts ?? MAX_SENT)) return false;
  if (overloaded) return allows(rules, status, false);
  if (!allows(rules, status, status === 502 || status === 503 || status === 504 || (status === 500 && pure)))
    return false;
  return idempotent;
}

const allows = ({ on }: RetryRules, cause: RetryCause, byDefault: boolean): boolean => on?.includes(cause) ?? byDefault;
