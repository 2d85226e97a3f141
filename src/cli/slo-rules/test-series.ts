import { boundOf } from '../../metrics/latency-bounds.ts';
import type { Objective } from '../../policy/slo/slo.ts';
import { quoted } from './promql.ts';

/** A series of promtool, with a value for each minute. */
export interface TestSeries {
  readonly series: string;
  readonly values: string;
}

/** What is added in each minute, for some minutes. */
export interface Growth {
  readonly minutes: number;
  readonly perMinute: number;
}

/** Rounds to 1/65536, because sums of such steps are exact: a sum that is rounded down would look like the reset of a counter. */
const dyadic = (amount: number): number => Math.round(amount * 65_536) / 65_536;

/** promtool's notation of a counter that grows like this; it begins again at 0 after a minute if that is given. */
export function counterValues(growths: readonly Growth[], resetAfter?: number): string {
  const parts = ['0'];
  let [minute, level] = [0, 0];
  for (const { minutes, perMinute: each } of split(growths, resetAfter)) {
    const perMinute = dyadic(each);
    if (minute === resetAfter) level = 0;
    const first = level + perMinute;
    parts.push(minutes === 1 ? String(first) : `${first}+${perMinute}x${minutes - 1}`);
    level = first + perMinute * (minutes - 1);
    minute += minutes;
  }
  return parts.join(' ');
}

/** The same growths, cut in two at a minute. */
function split(growths: readonly Growth[], at = 0): Growth[] {
  let minute = 0;
  return growths.flatMap((growth) => {
    const before = at - minute;
    minute += growth.minutes;
    if (before <= 0 || before >= growth.minutes) return [growth];
    return [
      { ...growth, minutes: before },
      { ...growth, minutes: growth.minutes - before },
    ];
  });
}

export interface EventGrowth {
  readonly minutes: number;
  readonly bad: number;
  readonly good: number;
}

type Grown = (of: (growth: EventGrowth) => number) => string;

const grownBy =
  (growths: readonly EventGrowth[], resetAfter: number | undefined): Grown =>
  (of) =>
    counterValues(
      growths.map((growth) => ({ minutes: growth.minutes, perMinute: of(growth) })),
      resetAfter,
    );

/** The metrics of an endpoint that answers like this; `otherBounds` have all replies in them. */
export function objectiveInput(
  endpoint: string,
  objective: Objective,
  growths: readonly EventGrowth[],
  {
    resetAfter,
    otherBounds = [],
  }: { readonly resetAfter?: number | undefined; readonly otherBounds?: readonly number[] },
): TestSeries[] {
  const grown = grownBy(growths, resetAfter);
  return objective.sli === 'latency'
    ? latencyInput(endpoint, boundOf(objective.withinMs), otherBounds, grown)
    : errorInput(endpoint, grown);
}

export const latencyInput = (
  endpoint: string,
  bound: number,
  otherBounds: readonly number[],
  grown: Grown,
): TestSeries[] => {
  const of = `endpoint=${quoted(endpoint)}`;
  const all = grown(({ good, bad }) => good + bad);
  return [
    { series: `rampart_latency_seconds_count{${of}}`, values: all },
    { series: `rampart_latency_seconds_bucket{${of},le="${bound}"}`, values: grown(({ good }) => good) },
    ...otherBounds.map((other) => ({ series: `rampart_latency_seconds_bucket{${of},le="${other}"}`, values: all })),
  ];
};

/** With a refusal for each bad reply, which counts for nothing. */
export const errorInput = (endpoint: string, grown: Grown): TestSeries[] => {
  const of = `endpoint=${quoted(endpoint)}`;
  return [
    { series: `rampart_requests_total{${of},status="200"}`, values: grown(({ good }) => good) },
    { series: `rampart_requests_total{${of},status="500"}`, values: grown(({ bad }) => bad) },
    { series: `rampart_requests_total{${of},status="503"}`, values: grown(({ good }) => good) },
    { series: `rampart_rejections_total{${of},reason="overloaded"}`, values: grown(({ good }) => good) },
    { series: `rampart_requests_total{${of},status="429"}`, values: grown(({ good }) => good) },
  ];
};

export const cacheInput = (endpoint: string, grown: Grown): TestSeries[] => {
  const of = `endpoint=${quoted(endpoint)}`;
  return [
    { series: `rampart_cache_requests_total{${of},result="hit"}`, values: grown(({ good }) => good) },
    { series: `rampart_cache_requests_total{${of},result="miss"}`, values: grown(({ bad }) => bad) },
    { series: `rampart_cache_requests_total{${of},result="bypass"}`, values: grown(({ good }) => good) },
  ];
};

export const eventInput = grownBy;
