/** What one host says about one backend of a fleet upstream. */
export interface BackendClaim {
  /** The same on every host: upstream and origin. */
  readonly backend: string;
  /** Requests in flight at it from all hosts together, by the configuration of this host. */
  readonly cap: number;
  /** The thousandths of the cap that hosts keep while they are cut off. */
  readonly floorShare: number;
  /** How long a request may go on after its permit has ended. */
  readonly quarantineMs: number;
  /** The most requests that this host may have in flight at it now. */
  readonly held: number;
  /** The permits that it could use at once: its requests in flight, and those that wait. */
  readonly want: number;
  /** The permits that it would keep if it were cut off. */
  readonly floor: number;
}

/** A host renews its lease. The next call is made only when this one is answered or given up; a late answer is not used. */
export interface FleetCall {
  readonly host: string;
  /** 0: the host joins. */
  readonly incarnation: number;
  /** Rises with each call of an incarnation. */
  readonly seq: number;
  /** The server that the host is connected to; another one may have lost writes. */
  readonly runId: string;
  /** The server's time that the host expects, from the last answer and its own monotonic clock; -1: it asks for the time. */
  readonly expectedAt: number;
  readonly toleranceMs: number;
  /** The server's time was not as expected, twice in a row: its clock has made a step. */
  readonly jumped: boolean;
  /** The host has renewed for longer than the whole fleet may be silent, so its expected times prove the clock. */
  readonly settled: boolean;
  readonly claims: readonly BackendClaim[];
}

/** What a host may use of one backend until its lease ends. */
export interface BackendGrant {
  readonly backend: string;
  readonly permits: number;
  /** The permits that it keeps afterwards. */
  readonly floor: number;
  /** The smallest cap in the configuration of a connected host. */
  readonly cap: number;
  /** What all hosts together could use at once. */
  readonly wanted: number;
  /** Others need more: the host should go down to this number as requests end. -1: it need not. */
  readonly recallTo: number;
}

export interface FleetGrants {
  readonly status: 'granted';
  readonly now: number;
  readonly incarnation: number;
  /** The hosts that have a claim on any of these backends, those included that are cut off. */
  readonly hosts: number;
  readonly learning: boolean;
  readonly grants: readonly BackendGrant[];
  /** The hosts that should call soon, because others need what they hold. */
  readonly donors: readonly string[];
}

/**
 * `stale`: the host asked for the time, or the server's time is not as the host expects, because the call came late or the
 * clock made a step. `superseded`: another process has joined under this host's id. `late`: a newer call has been answered.
 */
export type FleetAnswer =
  | FleetGrants
  | { readonly status: 'stale' | 'late'; readonly now: number }
  | { readonly status: 'superseded'; readonly now: number; readonly calledAt: number };
