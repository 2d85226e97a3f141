/**
 * What control tells of its host each second: to the console and `rampart top` over `GET /api/events`, and in part in
 * `GET /api/status`. Rates are per second over the last RATE_WINDOW_S seconds; durations are milliseconds; shares are 0 to 1.
 * A figure that is not known is null. Figures are rounded, so that what has hardly changed is not sent again.
 */
export interface LiveView {
  readonly schemaVersion: 1;
  /** When control computed it, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly version: string;
  readonly node: string;
  readonly startedAtMs: number;
  readonly verdict: VerdictView;
  readonly numbers: HostNumbers;
  /** From the client to the database, in the order of a request's way; use is 0 to 1 and more. */
  readonly chain: readonly ChainLink[];
  readonly upstreams: Readonly<Record<string, UpstreamView>>;
  readonly workers: Readonly<Record<string, WorkerView>>;
  /** The processes beside the gateway workers: generators, batch workers. */
  readonly processes: Readonly<Record<string, ProcessView>>;
  readonly endpoints: Readonly<Record<string, EndpointView>>;
  readonly config: ConfigView;
}

export type HostVerdictState = 'well' | 'degraded' | 'overloaded' | 'down' | 'no-news';

/** The state of the host, in words. */
export interface VerdictView {
  readonly state: HostVerdictState;
  /** In milliseconds since the epoch. */
  readonly sinceMs: number;
  /** A stable name, such as `backend-down`; the heading of its section in docs/runbook.md; `none` if all is well. */
  readonly causeId: string;
  /** What limits the host or fails, in a sentence without a full stop. */
  readonly cause: string;
  /** What to do next, in a sentence without a full stop. */
  readonly next: string;
  /** Every other finding, the gravest first. */
  readonly others: readonly VerdictFinding[];
}

export interface VerdictFinding {
  readonly state: HostVerdictState;
  readonly causeId: string;
  readonly cause: string;
  readonly next: string;
}

export interface HostNumbers {
  readonly requestsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
  readonly queued: number;
  readonly streams: number;
  /** Replies with a 5xx that are not refusals, as a share of all. */
  readonly errorShare: number;
  readonly refusedPerSecond: number;
  /** By reason, per second; only those above zero. */
  readonly refusedBy: Readonly<Record<string, number>>;
  /** The keys with the most refused requests, at most ten, by the key's id. */
  readonly refusedKeys: Readonly<Record<string, RefusedKeyView>>;
  readonly cacheHitShare: number | null;
}

export interface RefusedKeyView {
  readonly name: string;
  /** By reason, per second; only those above zero. */
  readonly refusedBy: Readonly<Record<string, number>>;
}

export interface ChainLink {
  readonly name: 'clients' | 'queue' | 'permits' | 'backends' | 'processors' | 'database';
  /** Null if there is none, or it is not known. */
  readonly use: number | null;
  /** Figures, such as '14 of 16 permits'. */
  readonly text: string;
}

export interface UpstreamView {
  readonly inFlight: number;
  readonly cap: number;
  readonly permits: number;
  readonly queued: number;
  readonly streams: number;
  readonly requestsPerSecond: number;
  readonly backends: Readonly<Record<string, BackendView>>;
}

export interface BackendView {
  readonly origin: string;
  /** Null if it is not checked. */
  readonly up: boolean | null;
  readonly problem: string | null;
  readonly isEjected: boolean;
  readonly isDrained: boolean;
  readonly inFlight: number;
  readonly leased: number;
  readonly cap: number;
  readonly requestsPerSecond: number;
  readonly failedPerSecond: number;
}

export interface WorkerView {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly requestsPerSecond: number;
  readonly inFlight: number;
  readonly connections: number | null;
  /** 1 is a whole processor. */
  readonly processors: number | null;
  readonly rssBytes: number | null;
  readonly eventLoopP99Ms: number | null;
  readonly configVersion: number | null;
  /** Since when control has no report of it, in milliseconds; null if it reports. */
  readonly silentMs: number | null;
}

export interface ProcessView {
  readonly role: string;
  readonly instance: number;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly processors: number | null;
  readonly rssBytes: number | null;
  readonly eventLoopP99Ms: number | null;
}

export interface EndpointView {
  readonly requestsPerSecond: number;
  readonly inFlight: number;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  /** The promise of the SLO file for p95; null without one. */
  readonly targetP95Ms: number | null;
  readonly errorShare: number;
  readonly refusedPerSecond: number;
  /** The part of the error budget that is left, of the objective that has least; null without an objective. */
  readonly budgetLeft: number | null;
}

export interface ConfigView {
  readonly version: number;
  readonly hash: string;
  readonly sinceMs: number;
  readonly isAgreed: boolean;
}

/** Something that changed on the host: a mark through every chart. */
export interface HostChange {
  /** Grows by one with each change; the `id` of its event. */
  readonly id: number;
  readonly atMs: number;
  readonly kind: 'configuration' | 'process' | 'backend' | 'cap' | 'cache' | 'batch' | 'lab' | 'verdict' | 'alert';
  readonly text: string;
  /** Who did it, if a person or a command did. */
  readonly who: string | null;
}

/** The reply to `GET /api/history`: columns over time; a value is null where none is known. */
export interface HistoryView {
  readonly schemaVersion: 1;
  /** Between two points. */
  readonly stepMs: number;
  /** Of the first point. */
  readonly fromMs: number;
  /** Every column has as many values. */
  readonly columns: Readonly<Record<HistoryColumn, readonly (number | null)[]>>;
  readonly changes: readonly HostChange[];
}

export const historyColumns = [
  'requestsPerSecond',
  'p50Ms',
  'p95Ms',
  'p99Ms',
  'refusedPerSecond',
  'errorsPerSecond',
  'inFlight',
  'queued',
  'permitUse',
  'processorUse',
  'state',
] as const;

/** `state` is 0 well, 1 degraded, 2 overloaded, 3 down. */
export type HistoryColumn = (typeof historyColumns)[number];

/**
 * The events of `GET /api/events`: `view` is a whole LiveView, first after the connection opens and whenever the client
 * has fallen behind; `delta` is a JSON merge patch (RFC 7396) to the last view; `change` is a HostChange; `changes` are the
 * last of them, after the first view.
 */
export type LiveEventName = 'view' | 'delta' | 'change' | 'changes';
