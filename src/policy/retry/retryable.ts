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

/** One retry of what has been sent: a second one would hit a fleet that is already in trouble. */
const MAX_SENT = 2;

/**
 * Whether a failed attempt may be made again at another backend: where the backend cannot have seen it, until each has
 * been tried; else once, and only where doing it twice is harmless; never when a part of the reply has arrived
 * (RFC 9110 §9.2.2).
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  if (!attempt.replayable || attempt.replyStarted) return false;
  if (attempt.beforeConnection) return attempt.attempts < Math.max(attempt.backends, MAX_SENT);
  return attempt.idempotent && attempt.attempts < MAX_SENT;
}
