/** What is known of a failed attempt. */
export interface FailedAttempt {
  /** Whether the connection was never made, so that the backend cannot have seen the request. */
  readonly beforeConnection: boolean;
  /** Whether doing the request twice is the same as doing it once. */
  readonly idempotent: boolean;
  /** Whether the request can be sent again as it was. */
  readonly replayable: boolean;
  /** Whether any part of the reply has arrived. */
  readonly replyStarted: boolean;
  /** Attempts so far, this one included. */
  readonly attempts: number;
  /** Backends that there are. */
  readonly backends: number;
}

/** Attempts in all of what has been sent; the budget bounds what all requests add together (Google SRE book, ch. 21). */
const MAX_SENT = 3;

/**
 * Whether a failed attempt may be made again at another backend: where the backend cannot have seen it, until each has
 * been tried; else twice, and only where doing it twice is harmless; never when a part of the reply has arrived
 * (RFC 9110 §9.2.2).
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  if (!attempt.replayable || attempt.replyStarted) return false;
  if (attempt.beforeConnection) return attempt.attempts < Math.max(attempt.backends, MAX_SENT);
  return attempt.idempotent && attempt.attempts < MAX_SENT;
}

/** What is known of a reply that says that a backend failed. */
export interface FailedReply extends Omit<FailedAttempt, 'beforeConnection' | 'replyStarted'> {
  readonly status: number;
  /** The backend says that it has too much to do: with the mark of a generator, or with Retry-After. */
  readonly overloaded: boolean;
  /** Whether the request only computes: then even a 500 may be somebody's bad moment. */
  readonly pure: boolean;
}

/**
 * Whether a reply may be thrown away, and the request made again at another backend: where doing it twice is
 * harmless, and never when the backend asks for less (else every refusal would double the load that it is about).
 */
export function mayRetryReply(reply: FailedReply): boolean {
  const { status, overloaded, pure, idempotent, replayable, attempts, backends } = reply;
  if (overloaded || !replayable || attempts >= MAX_SENT || backends < 2) return false;
  if (status === 502 || status === 503 || status === 504) return idempotent;
  return status === 500 && pure;
}
