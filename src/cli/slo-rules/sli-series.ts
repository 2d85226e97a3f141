import { boundOf } from '../../metrics/latency-bounds.ts';
import type { DegradationRule } from '../../policy/slo/degradation.ts';
import { shedReasons } from '../../policy/slo/shed-reasons.ts';
import type { Objective } from '../../policy/slo/slo.ts';
import { increase, quoted } from './promql.ts';

/** The number of bad events in a window, and that of all, in PromQL. */
export interface SliSeries {
  readonly bad: (window: string) => string;
  readonly total: (window: string) => string;
}

/** Counts the same events as src/control/see/slo-events.ts. */
export const objectiveSeries = (endpoint: string, objective: Objective): SliSeries =>
  objective.sli === 'latency' ? slowerSeries(endpoint, boundOf(objective.withinMs)) : errorSeries(endpoint);

/** Undefined for pools, and for a latency above the last of the bounds. */
export function degradationSeries(
  { kind, endpoint = '', slowerThanMs = 0 }: DegradationRule,
  bounds: readonly number[],
): SliSeries | undefined {
  if (kind === 'pool') return undefined;
  if (kind === 'errors') return errorSeries(endpoint);
  if (kind === 'hit-rate') return cacheSeries(endpoint);
  const bound = bounds.find((one) => one >= slowerThanMs / 1000);
  return bound === undefined ? undefined : slowerSeries(endpoint, bound);
}

/** Without the bound, as before a restart with a new SLO file, nothing is slow. */
function slowerSeries(endpoint: string, seconds: number): SliSeries {
  const of = `endpoint=${quoted(endpoint)}`;
  const total = (window: string): string => increase(`rampart_latency_seconds_count{${of}}`, window);
  return {
    total,
    bad: (window) =>
      `clamp_min(sum(increase(rampart_latency_seconds_count{${of}}[${window}])) - sum(increase(rampart_latency_seconds_bucket{${of},${boundMatcher(seconds)}}[${window}])) or vector(0), 0)`,
  };
}

/** Earlier versions of Rampart write `1` where this one writes `1.0`. */
const boundMatcher = (seconds: number): string =>
  Number.isInteger(seconds) ? `le=~"${seconds}|${seconds}\\\\.0"` : `le="${seconds}"`;

/** Refusals with Retry-After are in neither count. */
function errorSeries(endpoint: string): SliSeries {
  const requests = `rampart_requests_total{endpoint=${quoted(endpoint)},status`;
  const without = (series: string, window: string): string =>
    `clamp_min(${increase(series, window)} - ${shedIncrease(endpoint, window)}, 0)`;
  return {
    bad: (window) => without(`${requests}=~"5.."}`, window),
    total: (window) => without(`${requests}!~"429|499"}`, window),
  };
}

/** Requests that were refused with Retry-After, to keep the promise for others. */
export const shedIncrease = (endpoint: string, window: string): string =>
  increase(
    `rampart_rejections_total{endpoint=${quoted(endpoint)},reason=~"${[...shedReasons].toSorted().join('|')}"}`,
    window,
  );

function cacheSeries(endpoint: string): SliSeries {
  const of = `endpoint=${quoted(endpoint)}`;
  const looked = (results: string, window: string): string =>
    increase(`rampart_cache_requests_total{${of},result${results}}`, window);
  return {
    bad: (window) => looked('!~"bypass|hit|stale|collapsed"', window),
    total: (window) => looked('!="bypass"', window),
  };
}
