import type { Counter, Family, Gauge, Histogram, Registry } from '../metrics/instruments.ts';
import type { Reason } from './refusal.ts';

/**
 * The result of a cache lookup. `stale`: a stale reply was served, while it was validated or in place of an error ·
 * `revalidated`: a backend confirmed a stale reply · `collapsed`: another request's fetch answered this one.
 */
export type CacheResult = 'hit' | 'miss' | 'stale' | 'revalidated' | 'collapsed' | 'bypass';

/** The instruments of one endpoint, resolved once. */
export class EndpointMetrics {
  readonly endpoint: string;
  readonly inFlight: Gauge;
  readonly latency: Histogram;
  readonly waitQueue: Histogram;
  readonly execUpstream: Histogram;
  readonly requestBytes: Counter;
  readonly replyBytes: Counter;
  readonly #all: GatewayMetrics;
  readonly #byStatus = new Map<number, Counter>();
  readonly #byCacheResult = new Map<CacheResult, Counter>();

  constructor(all: GatewayMetrics, endpoint: string) {
    this.#all = all;
    this.endpoint = endpoint;
    this.inFlight = all.inFlight.of(endpoint);
    this.latency = all.latency.of(endpoint);
    this.waitQueue = all.wait.of(endpoint, 'queue');
    this.execUpstream = all.exec.of(endpoint, 'upstream');
    this.requestBytes = all.requestBytes.of(endpoint);
    this.replyBytes = all.replyBytes.of(endpoint);
  }

  countStatus(status: number): void {
    let counter = this.#byStatus.get(status);
    if (counter === undefined) {
      counter = this.#all.requests.of(this.endpoint, String(status));
      this.#byStatus.set(status, counter);
    }
    counter.value++;
  }

  countError(errorType: string): void {
    this.#all.errors.of(this.endpoint, errorType).add();
  }

  countRejection(reason: Reason): void {
    this.#all.rejections.of(this.endpoint, reason).add();
  }

  countCache(result: CacheResult): void {
    let counter = this.#byCacheResult.get(result);
    if (counter === undefined) {
      counter = this.#all.cacheRequests.of(this.endpoint, result);
      this.#byCacheResult.set(result, counter);
    }
    counter.value++;
  }

  observeWait(phase: string, seconds: number): void {
    this.#all.wait.of(this.endpoint, phase).observe(seconds);
  }

  observeExec(phase: string, seconds: number): void {
    this.#all.exec.of(this.endpoint, phase).observe(seconds);
  }
}

/** The instruments of one upstream among those that share a route's requests. */
export class SideMetrics {
  readonly #count: (status: string) => Counter;
  readonly #latency: Histogram;
  readonly #byStatus = new Map<number, Counter>();

  constructor({ sideRequests, sideLatency }: GatewayMetrics, endpoint: string, upstream: string) {
    this.#count = (status) => sideRequests.of(endpoint, upstream, status);
    this.#latency = sideLatency.of(endpoint, upstream);
  }

  /** A request that went to this side has ended. */
  observe(status: number, seconds: number): void {
    let counter = this.#byStatus.get(status);
    if (counter === undefined) this.#byStatus.set(status, (counter = this.#count(String(status))));
    counter.value++;
    this.#latency.observe(seconds);
  }
}

export type UpstreamGauge = 'permits' | 'limit' | 'ejected' | 'retryBudget' | 'standing' | 'streams';

function backendFamilies(registry: Registry) {
  const labels = ['upstream', 'backend'] as const;
  const busyHelp = 'Time that permits of a backend were held; over the attempts, their mean duration';
  return {
    inFlight: registry.gauge('rampart_backend_in_flight', 'Requests in flight at a backend', 'sum', ...labels),
    requests: registry.counter(
      'rampart_backend_requests_total',
      'Attempts at a backend by outcome',
      ...labels,
      'outcome',
    ),
    busy: registry.counter('rampart_backend_busy_seconds_total', busyHelp, ...labels),
  };
}

/** The metrics of a gateway worker, by the names of the contract. */
export class GatewayMetrics {
  readonly registry: Registry;
  readonly requests: Family<Counter>;
  readonly errors: Family<Counter>;
  readonly rejections: Family<Counter>;
  readonly latency: Family<Histogram>;
  readonly inFlight: Family<Gauge>;
  readonly requestBytes: Family<Counter>;
  readonly replyBytes: Family<Counter>;
  readonly wait: Family<Histogram>;
  readonly exec: Family<Histogram>;
  readonly queueDepth: Family<Gauge>;
  readonly backendInFlight: Family<Gauge>;
  readonly backendRequests: Family<Counter>;
  readonly backendBusy: Family<Counter>;
  readonly cacheRequests: Family<Counter>;
  readonly retries: Family<Counter>;
  readonly sideRequests: Family<Counter>;
  readonly mirrored: Family<Counter>;
  readonly sideLatency: Family<Histogram>;
  readonly ejections: Family<Counter>;
  readonly upstreams: Readonly<Record<UpstreamGauge, Family<Gauge>>>;
  readonly #endpoints = new Map<string, EndpointMetrics>();

  constructor(registry: Registry) {
    this.registry = registry;
    this.requests = registry.counter('rampart_requests_total', 'Requests answered', 'endpoint', 'status');
    this.errors = registry.counter('rampart_errors_total', 'Requests that failed', 'endpoint', 'error_type');
    this.rejections = registry.counter('rampart_rejections_total', 'Requests refused', 'endpoint', 'reason');
    this.latency = registry.histogram('rampart_latency_seconds', 'From request to last byte', 'endpoint');
    this.inFlight = registry.gauge('rampart_in_flight', 'Requests being answered', 'sum', 'endpoint');
    const bytes = (side: string): string =>
      `Bytes of bodies that ${side}, tunnels included, counted at the end of a request`;
    this.requestBytes = registry.counter('rampart_request_bytes_total', bytes('came from clients'), 'endpoint');
    this.replyBytes = registry.counter('rampart_reply_bytes_total', bytes('went to clients'), 'endpoint');
    this.wait = registry.histogram('rampart_wait_seconds', 'Time spent waiting', 'endpoint', 'phase');
    this.exec = registry.histogram('rampart_exec_seconds', 'Time spent working', 'endpoint', 'phase');
    this.queueDepth = registry.gauge('rampart_queue_depth', 'Requests waiting', 'sum', 'upstream', 'priority');
    const backends = backendFamilies(registry);
    this.backendInFlight = backends.inFlight;
    this.backendRequests = backends.requests;
    this.backendBusy = backends.busy;
    this.retries = registry.counter(
      'rampart_retries_total',
      'Further attempts by what led to them; over-budget: not made',
      'upstream',
      'kind',
    );
    const sides = 'of a route with several upstreams, by upstream';
    this.sideRequests = registry.counter(
      'rampart_side_requests_total',
      `Requests ${sides}`,
      'endpoint',
      'upstream',
      'status',
    );
    this.mirrored = registry.counter(
      'rampart_mirrored_requests_total',
      'Copies of requests for the upstream of a mirror; dropped: no permit was free; skipped: a body not in memory',
      'endpoint',
      'upstream',
      'result',
    );
    this.sideLatency = registry.histogram('rampart_side_latency_seconds', `Latency ${sides}`, 'endpoint', 'upstream');
    this.ejections = registry.counter('rampart_ejections_total', 'Backends set aside for their results', 'upstream');
    this.upstreams = this.#upstreamGauges();
    this.cacheRequests = registry.counter('rampart_cache_requests_total', 'Cache look-ups', 'endpoint', 'result');
  }

  #upstreamGauges(): Record<UpstreamGauge, Family<Gauge>> {
    const gauge = (metric: string, help: string): Family<Gauge> => this.registry.gauge(metric, help, 'sum', 'upstream');
    return {
      permits: gauge('rampart_permits', 'Permits that workers hold for backends that can be used'),
      limit: gauge('rampart_limit', 'Requests that may be in flight'),
      ejected: gauge('rampart_ejected_backends', 'Backends that are set aside, counted in each worker'),
      retryBudget: gauge('rampart_retry_budget', 'Retries that could be made at once'),
      streams: gauge('rampart_streams', 'Open tunnels, event streams and long polls'),
      standing: gauge('rampart_queue_standing', 'Workers whose queue does not empty any more'),
    };
  }

  /** Requests that have not ended, tunnels included. */
  get underway(): number {
    let sum = 0;
    for (const { inFlight } of this.#endpoints.values()) sum += inFlight.value;
    return sum;
  }

  /** The instruments of an endpoint; endpoints come from the route table, so their number is bounded. */
  endpoint(name: string): EndpointMetrics {
    let metrics = this.#endpoints.get(name);
    if (metrics === undefined) {
      metrics = new EndpointMetrics(this, name);
      this.#endpoints.set(name, metrics);
    }
    return metrics;
  }
}
