/** The conditions under which a reply counts as a success; a missing condition is not checked. */
export interface ReplyCheck {
  /** The status must be one of these; if missing, any success (2xx or 3xx). */
  readonly statuses?: readonly number[];
  /** By name in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A part of the body. */
  readonly contains?: string;
  /** Expected values by their paths in a JSON body; see json-path.ts. */
  readonly json?: Readonly<Record<string, string | number | boolean | null>>;
}

/** A request before all others, whose reply has a token for them. */
export interface Login {
  readonly request: SloRequest;
  /** The path of the token in the JSON of the reply. */
  readonly tokenPath: string;
  readonly header: string;
  /** The text before the token. */
  readonly prefix: string;
}

/** A request of an endpoint, as the lab sends it; `{{n}}` is its number, `{{column}}` a value of the data file's row. */
export interface SloRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly expect?: ReplyCheck;
}

/** A share of the requests of which something must hold; 0.95 is 95 %. */
export type Objective =
  | { readonly sli: 'latency'; readonly withinMs: number; readonly target: number }
  | { readonly sli: 'availability'; readonly target: number };

/** The targets of a load at the lab's gate; undefined if there is no target. */
export interface EndpointGate {
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Errors and refusals together, as a share of the requests. */
  readonly maxFailedShare: number | undefined;
  readonly maxTimeouts: number | undefined;
}

/** When an endpoint counts as degraded; see degradation.ts. */
export interface EndpointAlerts {
  /** As factors of the p95 target, both. */
  readonly p95Factor: number;
  readonly p99Factor: number;
  /** How long one of them must hold. */
  readonly forMs: number;
  readonly errorShare: number;
  readonly poolUse: number;
  /** No alert on degradation below this many requests a second. */
  readonly minPerSecond: number;
}

export interface EndpointSlo {
  /** The endpoint's name: that of its route. */
  readonly id: string;
  /** Undefined for one that the lab knows by its name. */
  readonly request: SloRequest | undefined;
  /** Its weight in the mix, relative to the others; 0 leaves it out. */
  readonly weight: number;
  readonly gate: EndpointGate;
  readonly objectives: readonly Objective[];
  /** The share of the look-ups that the cache is to answer; undefined if nothing is promised. */
  readonly hitRateTarget: number | undefined;
  /** The largest allowed ratio of p95 under a spike to the normal p95. */
  readonly spikeP95Factor: number;
  readonly alerts: EndpointAlerts;
}

/** The promises of a service, by endpoint: the gates of the lab, and the alerts of its operation. */
export interface Slo {
  readonly service: string;
  readonly windowMs: number;
  /** A CSV file whose rows requests take their values from; relative to the SLO file. */
  readonly dataFile: string | undefined;
  readonly endpoints: readonly EndpointSlo[];
  readonly login?: Login;
}

/** An objective in words, such as `95 % within 150 ms`. */
export function promiseText(objective: Objective): string {
  const share = `${Number((objective.target * 100).toFixed(4))} %`;
  return objective.sli === 'latency' ? `${share} within ${objective.withinMs} ms` : `${share} without an error`;
}

/** The p95 that an endpoint is held to: that of its gate, or the latency that 95 % are promised. */
export const p95TargetMs = ({ gate, objectives }: Pick<EndpointSlo, 'gate' | 'objectives'>): number | undefined =>
  gate.p95Ms ?? objectives.flatMap((one) => (one.sli === 'latency' && one.target === 0.95 ? [one.withinMs] : []))[0];
