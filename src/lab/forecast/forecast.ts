import type { Random } from '../../core/random.ts';
import { type ServedQueue, waitQuantileMs, waitsLonger } from '../statistics/erlang.ts';
import { quantileOfSorted } from '../statistics/quantile.ts';
import { uslCurve, uslThroughput } from '../statistics/usl.ts';
import { type Evidence, type ForecastSource, type JudgedQuantile, summaryOf } from './evidence.ts';

export interface ForecastQuestion {
  /** Requests a second. */
  readonly rate: number;
  readonly targetMs: number;
  readonly quantile: JudgedQuantile;
  /** Requests that one generator works on at the same time. */
  readonly slots: number;
  /** After this time in the queue a request is refused. */
  readonly queueTimeoutMs: number;
  readonly random: Random;
}

/** A number with the interval that holds it in 95 of 100 repetitions of the measurement. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The effect of a number of generators on the load. */
export interface GeneratorCost {
  readonly generators: number;
  readonly busyShare: number;
  readonly refusedShare: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Permits that nobody uses, on average. */
  readonly idlePermits: number;
}

export interface Forecast {
  /** Infinite if the target cannot be met by any number. */
  readonly generators: Estimate;
  /** Undefined where the source has no curve. */
  readonly hosts: Estimate | undefined;
  /** The rate that one host like the measured one carries within the target, in requests a second. */
  readonly hostCapacity: Estimate | undefined;
  readonly serviceMs: Estimate;
  /** One generator too few, as many as needed, one too many. */
  readonly costs: readonly GeneratorCost[];
}

const RESAMPLES = 400;
const MOST_GENERATORS = 1_000_000;
/** The USL is not used beyond this multiple of the largest measured concurrency. */
const BEYOND = 2;

/** How many generators and hosts a load needs. The intervals are a bootstrap over the loads that were measured. */
export function forecast(source: ForecastSource, question: ForecastQuestion): Forecast {
  const { evidence, isCurve } = source;
  const once = (sample: readonly Evidence[]) => {
    const capacity = isCurve ? hostCapacityOf(sample, question) : undefined;
    return {
      generators: generatorsFor(sample, question),
      serviceMs: summaryOf(sample).serviceMs,
      capacity: capacity ?? Number.NaN,
      hosts: Math.ceil(question.rate / (capacity ?? Number.NaN)),
    };
  };
  const first = once(evidence);
  const draws = Array.from({ length: RESAMPLES }, () =>
    once(evidence.map(() => evidence[Math.floor(question.random() * evidence.length)] as Evidence)),
  );
  const estimate = (key: keyof typeof first): Estimate => {
    const sorted = Float64Array.from(draws.map((draw) => draw[key]).filter((value) => !Number.isNaN(value))).sort();
    const [low, high] = [quantileOfSorted(sorted, 0.025), quantileOfSorted(sorted, 0.975)];
    return { value: first[key], low: Math.min(low, first[key]), high: Math.max(high, first[key]) };
  };
  const needed = first.generators;
  return {
    generators: estimate('generators'),
    hosts: isCurve ? estimate('hosts') : undefined,
    hostCapacity: isCurve ? estimate('capacity') : undefined,
    serviceMs: estimate('serviceMs'),
    costs: Number.isFinite(needed)
      ? [needed - 1, needed, needed + 1].filter((count) => count > 0).map((count) => costOf(count, evidence, question))
      : [],
  };
}

const queueOf = (
  generators: number,
  { serviceMs, variability }: Pick<Evidence, 'serviceMs' | 'variability'>,
  { rate, slots }: ForecastQuestion,
): ServedQueue => ({
  slots: generators * slots,
  offered: (rate * serviceMs) / 1000,
  serviceMs,
  variability,
});

/** The judged quantile of the whole time, as the sum of those of service and wait, which is an upper estimate. */
function responseMs(generators: number, sample: readonly Evidence[], question: ForecastQuestion): number {
  const summary = summaryOf(sample);
  const wait = waitQuantileMs(queueOf(generators, summary, question), question.quantile === 'p95' ? 0.95 : 0.99);
  return summary.serviceQuantileMs + summary.overheadMs + wait;
}

/** The fewest generators within the target. */
function generatorsFor(sample: readonly Evidence[], question: ForecastQuestion): number {
  const { serviceMs, serviceQuantileMs, overheadMs } = summaryOf(sample);
  if (serviceQuantileMs + overheadMs > question.targetMs) return Number.POSITIVE_INFINITY;
  const isEnough = (count: number): boolean => responseMs(count, sample, question) <= question.targetMs;
  let low = Math.max(0, Math.floor((question.rate * serviceMs) / 1000 / question.slots) - 1);
  let high = low + 1;
  while (!isEnough(high) && high < MOST_GENERATORS) high *= 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The highest rate of one host on the USL curve whose mean time, with its tail, is within the target. */
function hostCapacityOf(sample: readonly Evidence[], { targetMs }: ForecastQuestion): number | undefined {
  const fit = uslCurve(sample);
  if (fit === undefined) return undefined;
  const { tail } = summaryOf(sample);
  const most = Math.min(fit.peakConcurrency, BEYOND * Math.max(...sample.map(({ concurrency }) => concurrency)));
  let best: number | undefined;
  for (let part = 1; part <= PARTS; part++) {
    const underWay = (most * part) / PARTS;
    const throughput = uslThroughput(fit, underWay);
    if (tail * ((1000 * underWay) / throughput) <= targetMs) best = Math.max(best ?? 0, throughput);
  }
  return best;
}

const PARTS = 400;

function costOf(generators: number, sample: readonly Evidence[], question: ForecastQuestion): GeneratorCost {
  const { queueTimeoutMs } = question;
  const summary = summaryOf(sample);
  const queue = queueOf(generators, summary, question);
  const { slots, offered } = queue;
  const isCarried = offered < slots;
  const at = (quantile: JudgedQuantile): number =>
    isCarried
      ? Math.min(
          summary.serviceQuantileMs + summary.overheadMs + queueTimeoutMs,
          responseMs(generators, sample, { ...question, quantile }),
        )
      : summary.serviceQuantileMs + summary.overheadMs + queueTimeoutMs;
  return {
    generators,
    busyShare: Math.min(1, offered / slots),
    refusedShare: isCarried ? waitsLonger(queue, queueTimeoutMs) : 1 - slots / offered,
    p95Ms: at('p95'),
    p99Ms: at('p99'),
    idlePermits: Math.max(0, slots - offered),
  };
}

/** The highest rate that so many generators carry within the target. */
export function carriedRate(generators: number, source: ForecastSource, question: ForecastQuestion): number {
  const full = (generators * question.slots * 1000) / summaryOf(source.evidence).serviceMs;
  let [low, high] = [0, full];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const rate = (low + high) / 2;
    if (responseMs(generators, source.evidence, { ...question, rate }) <= question.targetMs) low = rate;
    else high = rate;
  }
  return low;
}

const HALVINGS = 40;
