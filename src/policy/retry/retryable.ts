/** The failures after which a route may retry: no connection, a connection that ended without a reply, a status. */
export type RetryCause = 'connect' | 'reset' | number;

/** A route's rules for further attempts. */
export interface RetryRules {
  /**
   * The total number of requests that may be sent, including the first; undefined: two if a backend died, otherwise
   * three.
   */
  readonly attempts: number | undefined;
  /** Undefined: `connect`, `reset`, 502, 503 and 504, and 500 for pure requests. */
  readonly on: readonly RetryCause[] | undefined;
}

export const defaultRetryRules: RetryRules = { attempts: undefined, on: undefined };

/** The common part of both kinds of failure. */
interface Failed {
  /** Whether the request is idempotent. */
  readonly idempotent: boolean;
  /** Whether the same request can be sent again. */
  readonly replayable: boolean;
  /** Attempts so far that were sent to a backend, this one included. */
  readonly sent: number;
  /** The number of backends. */
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

/**
 * The most requests that are sent for one request; the budget bounds the additional load of all requests (Google SRE
 * book, ch. 21).
 */
const MAX_SENT = 3;
/**
 * The request itself may kill its backend, so it gets only one more attempt, which covers a backend that died by
 * chance.
 */
const MAX_SENT_AFTER_DEATH = 2;

/**
 * Whether a failed attempt may be retried at another backend. If the backend cannot have seen the request, it may be
 * retried until each backend has been tried. Otherwise it may be retried once, and only if a repetition is harmless. It
 * is never retried after a part of the reply has arrived (RFC 9110 §9.2.2).
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  const { rules, replayable, replyStarted, beforeConnection, sent, unsent, backends, idempotent } = attempt;
  if (!replayable || replyStarted) return false;
  if (beforeConnection) return allows(rules, 'connect', true) && unsent < Math.max(backends, MAX_SENT);
  return allows(rules, 'reset', true) && idempotent && sent < (rules.attempts ?? MAX_SENT_AFTER_DEATH);
}

/** A reply that shows a failure of the backend. */
export interface FailedReply extends Failed {
  readonly status: number;
  /** The backend is overloaded, by a generator's overload header or by Retry-After. */
  readonly overloaded: boolean;
  /** Whether the request has no side effects, so that even a 500 may be retried. */
  readonly pure: boolean;
}

/**
 * Whether a reply may be discarded and the request retried at another backend, which requires that a repetition is
 * harmless. If the backend is overloaded, the request is retried only if the route names the status; otherwise every
 * refusal would double the load. An overloaded backend has done nothing, so the method does not matter then.
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
