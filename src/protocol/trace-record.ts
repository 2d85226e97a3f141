/** One attempt at a backend that has ended. Times are milliseconds since the epoch; an empty text or 0 stands for none. */
export interface AttemptRecord {
  readonly spanId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly method: string;
  readonly upstream: string;
  readonly backend: string;
  readonly origin: string;
  /** Without its query, and without what is secret. */
  readonly path: string;
  readonly resends: number;
  readonly status: number;
  readonly error: string;
  /** Who ended it early: `hedge` or `client`. */
  readonly cancelledBy: string;
}

/** One request that has ended, with all attempts that ended before it. */
export interface RequestRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  /** Of its `traceparent`; bit 0: the sampler chose it. */
  readonly flags: number;
  /** `tracestate` of the client whose trace this is part of. */
  readonly traceState: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly method: string;
  readonly scheme: string;
  readonly protocolVersion: string;
  /** Without its query, and without what is secret. */
  readonly path: string;
  /** The template of the path. */
  readonly route: string;
  readonly endpoint: string;
  readonly status: number;
  readonly error: string;
  /** Why Rampart refused it. */
  readonly reason: string;
  readonly clientAddress: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly queueMs: number;
  readonly permitMs: number;
  readonly coalescedMs: number;
  /** -1 if no backend was asked. */
  readonly execMs: number;
  readonly cache: string;
  readonly keyId: string;
  /** `tunnel` for a connection that became one. */
  readonly stream: string;
  /** Whether it is traced because it failed or was slow, although the sampler left it out. */
  readonly isLate: boolean;
  readonly attempts: readonly AttemptRecord[];
}

/** An attempt that ended after its request was sent to control: it was made for the cache, or a slow backend went on. */
export interface LateAttemptRecord {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: number;
  readonly traceState: string;
  readonly attempt: AttemptRecord;
}
