/** A rate with a burst. */
export interface RateLimit {
  readonly requestsPerSecond: number;
  /** Requests that may come at once after a rest. */
  readonly burst: number;
}

/** A worker asks control for tokens of one subject, and reports the requests since its last message. */
export interface TokenAsk {
  /** The subject of the limit: `key:`, `address:` or `route:` with its value. */
  readonly subject: string;
  readonly limit: RateLimit;
  /** 0 if it only reports, and needs no answer. */
  readonly wanted: number;
  /** Tokens that it used without asking: from its share, because control took too long to answer, or for a request that cost more than one. */
  readonly spent: number;
  /** Tokens that it was given in `chain` and did not use in time. */
  readonly returned: number;
  readonly chain: number;
}

/** Control's answer. A worker that gets fewer tokens than it wanted has emptied the bucket. */
export interface TokenGrant {
  readonly subject: string;
  readonly tokens: number;
  /** The remaining tokens of the bucket. */
  readonly remaining: number;
  /** Milliseconds until the bucket has a token; 0 when it has one. */
  readonly retryAfterMs: number;
  /** The chain to name when tokens are returned. */
  readonly chain: number;
  /** The host's part of the limit while nobody above can be asked; undefined: all of it. */
  readonly share?: number | undefined;
}

/**
 * A worker that has not used a token for this long returns it. In a window of any length the host admits no more than
 * burst + rate × (window + twice this), and since its start no more than burst + rate × time.
 */
export const TOKEN_LIFETIME_MS = 100;
