/** Every reason for which the gateway itself answers instead of a backend or a handler: stable names that scripts rely on. */
export const reasons = {
  'malformed-request': { status: 400, title: 'Malformed request' },
  'invalid-request': { status: 422, title: 'Invalid request' },
  unencodable: { status: 422, title: 'Cannot be encoded' },
  'invalid-cursor': { status: 400, title: 'Invalid cursor' },
  unauthenticated: { status: 401, title: 'Unauthenticated' },
  'key-expired': { status: 401, title: 'Key expired' },
  forbidden: { status: 403, title: 'Forbidden' },
  'not-found': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'not-acceptable': { status: 406, title: 'Not acceptable' },
  'request-timeout': { status: 408, title: 'Request timeout' },
  // Never sent, because the client has left; the request is counted under this status.
  'client-closed': { status: 499, title: 'Client closed the connection' },
  'body-too-large': { status: 413, title: 'Body too large' },
  'target-too-long': { status: 414, title: 'Target too long' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'in-progress': { status: 409, title: 'In progress' },
  'idempotency-key-reused': { status: 422, title: 'Idempotency-Key reused' },
  'expectation-failed': { status: 417, title: 'Expectation failed' },
  'rate-limited': { status: 429, title: 'Rate limited' },
  'too-many-in-flight': { status: 429, title: 'Too many requests in flight' },
  misdirected: { status: 421, title: 'Misdirected request' },
  'headers-too-large': { status: 431, title: 'Headers too large' },
  'internal-error': { status: 500, title: 'Internal error' },
  'not-implemented': { status: 501, title: 'Not implemented' },
  'upstream-failed': { status: 502, title: 'Upstream failed' },
  overloaded: { status: 503, title: 'Overloaded' },
  'queue-timeout': { status: 503, title: 'Queue timeout' },
  'no-backend': { status: 503, title: 'No backend' },
  'store-unavailable': { status: 503, title: 'Store unavailable' },
  'ledger-full': { status: 503, title: 'Ledger full' },
  'spool-full': { status: 503, title: 'Spool full' },
  draining: { status: 503, title: 'Draining' },
  'upstream-timeout': { status: 504, title: 'Upstream timeout' },
  // RFC 9111 §5.2.1.7 requires this status; no backend was asked.
  'not-cached': { status: 504, title: 'Not cached' },
  deadline: { status: 504, title: 'Deadline exceeded' },
  loop: { status: 508, title: 'Loop detected' },
  'version-not-supported': { status: 505, title: 'HTTP version not supported' },
} as const satisfies Record<string, { status: number; title: string }>;

export type Reason = keyof typeof reasons;

/** The parts of a refusal beyond its reason and detail. */
export interface RefusalExtras {
  readonly retryAfterSeconds?: number;
  /** Further headers as name, value, name, value. */
  readonly headers?: readonly string[];
  /** The errors of the request, field by field. */
  readonly errors?: readonly unknown[];
  /** The connection cannot be reused, because its framing is in doubt or the body will not be read. */
  readonly close?: boolean;
  /** The client has presented a credential that is invalid, which counts as a guess. */
  readonly isGuess?: boolean;
  /** RFC 9209 error type, where a backend was at fault. */
  readonly proxyError?: string;
}

/** An expected end of a request: a value with a stable reason, which problem-reply.ts turns into a reply. */
export class Refusal {
  readonly reason: Reason;
  readonly detail: string;
  readonly extras: RefusalExtras;

  constructor(reason: Reason, detail: string, extras: RefusalExtras = {}) {
    this.reason = reason;
    this.detail = detail;
    this.extras = extras;
  }

  get status(): number {
    return reasons[this.reason].status;
  }
}
