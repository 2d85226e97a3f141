import type { FleetLeaseState } from '../fleet/fleet-lease.ts';

/**
 * What the verdict is derived from: the host over the last seconds. Rates are per second; durations are milliseconds; shares
 * are 0 to 1. A figure that is not known is undefined.
 */
export interface HostSignals {
  readonly workers: WorkersSignals;
  readonly upstreams: readonly UpstreamSignals[];
  readonly traffic: TrafficSignals;
  readonly machine: MachineSignals;
  /** Undefined if no part of the configuration needs PostgreSQL. */
  readonly database: DatabaseSignals | undefined;
  /** The lease of this host in its fleet; undefined if no cap counts over several hosts. */
  readonly fleet?: FleetSignals | undefined;
  /** Undefined without VALKEY_URL. */
  readonly fleetNews?: FleetNewsSignals | undefined;
  /** The cache that hosts share; undefined if there is none. */
  readonly sharedCache?: { readonly problem: string | undefined } | undefined;
  readonly ledger: LedgerSignals;
  readonly config: ConfigSignals;
  readonly certificates: readonly { readonly name: string; readonly daysLeft: number }[];
  readonly objectives: readonly ObjectiveSignals[];
  readonly degradations: readonly DegradationSignals[];
}

export interface FleetSignals {
  readonly host: string;
  /** As `rampart fleet status` has it. */
  readonly state: FleetLeaseState;
  readonly problem: string | undefined;
  /** Permits that it may use now, at all shared backends together. */
  readonly permits: number;
}

/** What hosts tell each other: purges, revoked keys, versions of the configuration. */
export interface FleetNewsSignals {
  /** It has not been read to its end for five seconds, or never yet. */
  readonly isApart: boolean;
  readonly problem: string | undefined;
}

export interface WorkersSignals {
  /** How many there should be. */
  readonly wanted: number;
  readonly present: readonly WorkerSignals[];
  /** Control has just started, so workers may be on their way. */
  readonly isStarting: boolean;
  /** Processes of any role that ended and came again within the last minute, by name. */
  readonly restarts: readonly { readonly name: string; readonly count: number }[];
}

export interface WorkerSignals {
  readonly name: string;
  /** Since its last report. */
  readonly silentMs: number;
  /** 1 is a whole processor. */
  readonly processors: number | undefined;
}

export interface TrafficSignals {
  readonly requestsPerSecond: number;
  /** Replies with a 5xx that Rampart did not decide on to protect something. */
  readonly errorsPerSecond: number;
  /** Requests whose clients left before the reply. */
  readonly leftPerSecond: number;
  /** By reason. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface UpstreamSignals {
  readonly name: string;
  /** Some of its backends are on this machine and not Rampart's own, so their work looks like that of other programs. */
  readonly isBesideRampart: boolean;
  /** All backends of the file are drained. */
  readonly isDrained: boolean;
  /** Why its backends could not be found in DNS. */
  readonly lookupProblem: string | undefined;
  readonly permits: number;
  readonly inFlight: number;
  readonly queued: number;
  /** The queue of a worker at least does not empty any more. */
  readonly isStanding: boolean;
  readonly endedPerSecond: number;
  readonly failedPerSecond: number;
  /** Since one has succeeded. */
  readonly failedInARow: number;
  /** By reason, as far as the endpoint of the request leads here alone. */
  readonly refused: Readonly<Record<string, number>>;
  /** How long a backend works on a request, on average; undefined if none has ended. */
  readonly workMs: number | undefined;
  /** The same in good times; undefined as long as that is not known. */
  readonly usualWorkMs: number | undefined;
  readonly isRetryBudgetSpent: boolean;
  readonly ejected: number;
  readonly backends: readonly BackendSignals[];
}

export interface BackendSignals {
  readonly name: string;
  /** Undefined if it is not checked. */
  readonly isUp: boolean | undefined;
  readonly problem: string | undefined;
  readonly cap: number;
  readonly inFlight: number;
  readonly endedPerSecond: number;
  readonly failedPerSecond: number;
  readonly workMs: number | undefined;
}

export interface MachineSignals {
  readonly processors: number;
  /** The share of all processors that is busy. */
  readonly busyShare: number | undefined;
  /** The part of that which Rampart's processes use. */
  readonly ownShare: number;
}

export interface DatabaseSignals {
  /** Why it does not answer; undefined if it does. */
  readonly problem: string | undefined;
  /** Busy connections of all pools, as a share of the most that they may have. */
  readonly poolShare: number | undefined;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

export interface LedgerSignals {
  /** Records that PostgreSQL does not have yet. */
  readonly pending: number;
  readonly writtenPerSecond: number;
}

export interface ConfigSignals {
  /** Workers with another configuration than control. */
  readonly disagreeing: readonly string[];
  /** Why the last change was not taken; undefined if it was. */
  readonly reloadProblem: string | undefined;
}

/** A promise of the SLO file that is being broken. */
export interface ObjectiveSignals {
  readonly endpoint: string;
  /** Such as `95 % within 150 ms`. */
  readonly promise: string;
  readonly severity: 'page' | 'ticket';
  /** How many times as fast as the promise allows the budget is used up. */
  readonly burnRate: number;
}

/** A rule of the SLO file on degradation that has held for its time. */
export interface DegradationSignals {
  readonly kind: 'p95' | 'p99' | 'errors' | 'hit-rate' | 'pool';
  /** The endpoint, or the role whose database pools they are. */
  readonly subject: string;
  /** Such as `p95 > 225 ms`. */
  readonly limit: string;
  /** Such as `12 % take longer than 225 ms`. */
  readonly measured: string;
}
