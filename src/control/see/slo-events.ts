import { boundOf } from '../../metrics/latency-bounds.ts';
import type { DegradationRule } from '../../policy/slo/degradation.ts';
import type { EventCounts } from '../../policy/slo/event-counts.ts';
import { shedReasons } from '../../policy/slo/shed-reasons.ts';
import type { Objective } from '../../policy/slo/slo.ts';
import type { Totals } from './totals.ts';

/**
 * The events of an objective. Latency: a reply is bad if it took longer than promised; if the promise is no bound of the
 * histogram, the whole bucket around it is bad. Availability: see `errorEvents`.
 */
export function objectiveEvents(totals: Totals, endpoint: string, objective: Objective): EventCounts {
  if (objective.sli === 'availability') return errorEvents(totals, endpoint);
  const seconds = boundOf(objective.withinMs);
  return slowerEvents(totals, endpoint, totals.bounds.findLast((bound) => bound <= seconds) ?? 0);
}

/** The events of a rule that are counted; those of pools are measured, see `poolUse`. */
export function degradationEvents(totals: Totals, { kind, endpoint = '', slowerThanMs = 0 }: DegradationRule) {
  if (kind === 'errors') return errorEvents(totals, endpoint);
  if (kind === 'hit-rate') return cacheEvents(totals, endpoint);
  // An alert must not come too early, so a bucket with the limit in it is not slow yet.
  const seconds = boundOf(slowerThanMs);
  return slowerEvents(totals, endpoint, totals.bounds.find((bound) => bound >= seconds) ?? Number.POSITIVE_INFINITY);
}

function slowerEvents({ histograms, bounds }: Totals, endpoint: string, bound: number): EventCounts {
  let [good, total] = [0, 0];
  for (const [index, count] of histograms.get('rampart_latency_seconds')?.get(endpoint)?.counts.entries() ?? []) {
    total += count;
    if ((bounds[index] ?? Number.POSITIVE_INFINITY) <= bound) good += count;
  }
  return { bad: total - good, total };
}

/** All replies except 429, 499 and refusals with Retry-After; a 5xx among them is bad. */
function errorEvents(totals: Totals, endpoint: string): EventCounts {
  let [bad, total, shed] = [0, 0, 0];
  for (const [key, count] of totals.numbers.get('rampart_requests_total') ?? []) {
    const [of, status = ''] = key.split('\n');
    if (of !== endpoint || status === '429' || status === '499') continue;
    total += count;
    if (status.startsWith('5')) bad += count;
  }
  for (const [key, count] of totals.numbers.get('rampart_rejections_total') ?? []) {
    const [of, reason = ''] = key.split('\n');
    if (of === endpoint && shedReasons.has(reason)) shed += count;
  }
  return { bad: Math.max(0, bad - shed), total: Math.max(0, total - shed) };
}

/** Look-ups that the cache answers without a backend. */
const hits: ReadonlySet<string> = new Set(['hit', 'stale', 'collapsed']);

/** Look-ups in the cache; one that asked a backend is bad. A request that bypasses the cache is no look-up. */
function cacheEvents(totals: Totals, endpoint: string): EventCounts {
  let [bad, total] = [0, 0];
  for (const [key, count] of totals.numbers.get('rampart_cache_requests_total') ?? []) {
    const [of, result = ''] = key.split('\n');
    if (of !== endpoint || result === 'bypass') continue;
    total += count;
    if (!hits.has(result)) bad += count;
  }
  return { bad, total };
}

/** The busy connections of each role's pools at this moment (`bad`), and the most that they may have. */
export function poolUse(totals: Totals): Map<string, EventCounts> {
  const pools = new Map<string, EventCounts>();
  for (const [key, count] of totals.numbers.get('rampart_db_pool_connections') ?? []) {
    const [role = '', state] = key.split('\n');
    const before = pools.get(role) ?? { bad: 0, total: 0 };
    if (state === 'busy') pools.set(role, { ...before, bad: before.bad + count });
    if (state === 'max') pools.set(role, { ...before, total: before.total + count });
  }
  return pools;
}
