import { LEAST_BAD_FOR_PAGE } from './burn-rate.ts';
import type { EventCounts } from './event-counts.ts';
import { type EndpointSlo, p95TargetMs, type Slo } from './slo.ts';

/** What an endpoint, or the database pools of a host, may degrade in. */
export type DegradationKind = 'p95' | 'p99' | 'errors' | 'hit-rate' | 'pool';

/** An alert on what users notice before an error budget is used up: more than a share of the events is bad, and stays so. */
export interface DegradationRule {
  readonly kind: DegradationKind;
  /** Undefined for the pools of the host. */
  readonly endpoint: string | undefined;
  /** The rule is above its limit if more than this share of the events is bad. */
  readonly badShare: number;
  /** Replies that took longer are bad; undefined where latency does not count. */
  readonly slowerThanMs: number | undefined;
  /** How long the rule must be above its limit before it fires. */
  readonly forMs: number;
  /** The rule does not fire below this many events a second. */
  readonly minPerSecond: number;
}

/** The window of the share: half a minute of trouble has left it before any alert can fire. */
export const JUDGED_MS = 120_000;

/**
 * The alerts on degradation of an SLO file. T is the p95 target for both percentiles; by default p95 above 1.5 T, p99 above
 * 2 T. A percentile is above a limit exactly if more than 5 % or 1 % of the replies are slower (ADR 122).
 */
export const degradationRules = ({ endpoints }: Slo): DegradationRule[] => [
  ...endpoints.flatMap(endpointRules),
  poolRule(endpoints),
];

/** The alerts on degradation of one endpoint. */
export function endpointRules(endpoint: EndpointSlo): DegradationRule[] {
  const { id, alerts, hitRateTarget } = endpoint;
  const base = { endpoint: id, forMs: alerts.forMs, minPerSecond: alerts.minPerSecond };
  const targetMs = p95TargetMs(endpoint);
  const found: DegradationRule[] = [];
  if (targetMs !== undefined) {
    found.push({ ...base, kind: 'p95', badShare: 0.05, slowerThanMs: product(alerts.p95Factor, targetMs) });
    found.push({ ...base, kind: 'p99', badShare: 0.01, slowerThanMs: product(alerts.p99Factor, targetMs) });
  }
  found.push({ ...base, kind: 'errors', badShare: alerts.errorShare, slowerThanMs: undefined });
  if (hitRateTarget !== undefined)
    found.push({ ...base, kind: 'hit-rate', badShare: difference(1, hitRateTarget), slowerThanMs: undefined });
  return found;
}

/** The pools belong to the host: the strictest of the endpoints decides. */
function poolRule(endpoints: Slo['endpoints']): DegradationRule {
  const all = endpoints.map(({ alerts }) => alerts);
  return {
    kind: 'pool',
    endpoint: undefined,
    badShare: Math.min(...all.map(({ poolUse }) => poolUse)),
    slowerThanMs: undefined,
    forMs: Math.min(...all.map(({ forMs }) => forMs)),
    minPerSecond: 0,
  };
}

/** Without the digits that binary fractions add, such as 0.30000000000000004. */
const difference = (left: number, right: number): number => Number((left - right).toPrecision(12));
const product = (left: number, right: number): number => Number((left * right).toPrecision(12));

/**
 * Whether a rule is above its limit now. At least five bad events within `forMs`, and `minPerSecond` on average, so that one
 * slow request at night fires nothing. The use of a pool is sampled, so it has no minimum.
 */
export function isAboveLimit(rule: DegradationRule, over: (windowMs: number) => EventCounts): boolean {
  const judged = over(JUDGED_MS);
  if (judged.total <= 0 || judged.bad / judged.total <= rule.badShare) return false;
  if (rule.kind === 'pool') return true;
  const long = over(rule.forMs);
  return long.bad >= LEAST_BAD_FOR_PAGE && long.total >= (rule.minPerSecond * rule.forMs) / 1000;
}

/** Since when it has been above its limit; undefined if it is not. */
export const aboveSince = (before: number | undefined, isAbove: boolean, nowMs: number): number | undefined =>
  isAbove ? (before ?? nowMs) : undefined;

export const hasHeld = ({ forMs }: DegradationRule, sinceMs: number | undefined, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= forMs;

/** The limit in words, such as `p95 > 225 ms`. */
export function limitText({ kind, badShare, slowerThanMs }: DegradationRule): string {
  switch (kind) {
    case 'p95':
    case 'p99':
      return `${kind} > ${slowerThanMs} ms`;
    case 'errors':
      return `5xx > ${percent(badShare)}`;
    case 'hit-rate':
      return `cache hits < ${percent(difference(1, badShare))}`;
    case 'pool':
      return `pool use > ${percent(badShare)}`;
  }
}

/** The measured value in words that fit the limit; `bad`: the share of bad events. */
export function measuredText(
  { kind, slowerThanMs }: Pick<DegradationRule, 'kind' | 'slowerThanMs'>,
  bad: number,
): string {
  switch (kind) {
    case 'p95':
    case 'p99':
      return `${percent(bad)} take longer than ${slowerThanMs} ms`;
    case 'errors':
      return `${percent(bad)} end with a 5xx`;
    case 'hit-rate':
      return `${percent(1 - bad)} come from the cache`;
    case 'pool':
      return `${percent(bad)} of the connections are busy`;
  }
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
