import { HorizontalPodAutoscaler, HPA_PERIOD_SECONDS } from '../../policy/scaling/hpa.ts';
import { KnativePodAutoscaler, KPA_PERIOD_SECONDS } from '../../policy/scaling/kpa.ts';

/** A load over time, as rates that hold from each second on, in requests a second. */
export interface LoadRecording {
  readonly name: string;
  readonly lengthSeconds: number;
  readonly points: readonly { readonly second: number; readonly rate: number }[];
}

/** A pod of generators, and the queue in front of all of them. */
export interface PodPlan {
  /** Permits of a pod. */
  readonly permits: number;
  readonly serviceMs: number;
  /** From the decision until a pod serves. */
  readonly startSeconds: number;
  readonly queueTimeoutMs: number;
  /** Part of its permits that a pod should use. */
  readonly targetShare: number;
  readonly most: number;
}

/** `in flight`: an autoscaler that does not see what waits. */
export const scalers = ['HPA on demand', 'HPA on requests in flight', 'KPA on demand'] as const;
export type ScalerName = (typeof scalers)[number];

export interface ScaledSecond {
  readonly second: number;
  readonly rate: number;
  readonly ready: number;
}

export interface ScaledResult {
  readonly seconds: readonly ScaledSecond[];
  readonly mostPods: number;
  readonly podHours: number;
  readonly refusedShare: number;
  /** Part of all permits that nobody used. */
  readonly idleShare: number;
  /** How often the number of pods changed. */
  readonly changes: number;
}

export const podPlan: PodPlan = {
  permits: 4,
  serviceMs: 55,
  startSeconds: 10,
  queueTimeoutMs: 1000,
  targetShare: 0.7,
  most: 100,
};

/** Reads `second,requests_per_second` lines. Each rate holds until the next one; the last as long as the one before. */
export function parseLoad(name: string, text: string): LoadRecording {
  const points = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [second = Number.NaN, rate = Number.NaN] = line.split(',').map(Number);
      if (!(second >= 0) || !(rate >= 0)) throw new Error(`${name}: not a second and a rate: '${line}'`);
      return { second, rate };
    });
  const [last, before] = [points.at(-1)?.second ?? 0, points.at(-2)?.second ?? 0];
  return { name, points, lengthSeconds: 2 * last - before };
}

/** The fewest pods that carry the first rate at the target share of their permits. */
const firstPods = (rate: number, { permits, serviceMs, targetShare }: PodPlan): number =>
  Math.max(1, Math.ceil((rate * serviceMs) / 1000 / (permits * targetShare)));

/** Runs an autoscaler over a load, a second at a time, with pods that start late and a queue with a timeout. */
export function runScaler(scaler: ScalerName, load: LoadRecording, plan: PodPlan = podPlan): ScaledResult {
  const pods = new StartingPods(firstPods(load.points[0]?.rate ?? 0, plan), plan.startSeconds);
  const decide = scalerOf(scaler, plan);
  const seconds: ScaledSecond[] = [];
  const sum = { arrived: 0, refused: 0, permits: 0, used: 0, pods: 0 };
  let [waiting, changes, point] = [0, 0, 0];
  for (let second = 0; second < load.lengthSeconds; second++) {
    while ((load.points[point + 1]?.second ?? Number.POSITIVE_INFINITY) <= second) point++;
    const { rate = 0 } = load.points[point] ?? {};
    const ready = pods.ready(second);
    const perSecond = (ready * plan.permits * 1000) / plan.serviceMs;
    const served = Math.min(perSecond, waiting + rate);
    const left = waiting + rate - served;
    waiting = Math.min(left, (perSecond * plan.queueTimeoutMs) / 1000);
    const inFlight = (served * plan.serviceMs) / 1000;
    sum.arrived += rate;
    sum.refused += left - waiting;
    sum.permits += ready * plan.permits;
    sum.used += inFlight;
    sum.pods += pods.count;
    const next = decide({ inFlight, waiting }, { count: pods.count, ready }, second);
    if (next !== pods.count) changes++;
    pods.scale(next, second);
    seconds.push({ second, rate, ready });
  }
  return {
    seconds,
    mostPods: Math.max(...seconds.map(({ ready }) => ready)),
    podHours: sum.pods / 3600,
    refusedShare: sum.arrived === 0 ? 0 : sum.refused / sum.arrived,
    idleShare: 1 - sum.used / sum.permits,
    changes,
  };
}

type Decide = (
  load: { readonly inFlight: number; readonly waiting: number },
  pods: { readonly count: number; readonly ready: number },
  second: number,
) => number;

function scalerOf(name: ScalerName, { permits, targetShare, most }: PodPlan): Decide {
  const target = permits * targetShare;
  const limits = { least: 1, most };
  if (name === 'KPA on demand') {
    const kpa = new KnativePodAutoscaler(target, limits);
    return ({ inFlight, waiting }, { count, ready }, second) =>
      second % KPA_PERIOD_SECONDS === 0 ? kpa.decide(inFlight + waiting, ready, second) : count;
  }
  const hpa = new HorizontalPodAutoscaler(target, limits);
  const seesQueue = name === 'HPA on demand';
  return ({ inFlight, waiting }, { count }, second) =>
    second % HPA_PERIOD_SECONDS === 0 ? hpa.decide(inFlight + (seesQueue ? waiting : 0), count, second) : count;
}

/** Pods that serve some time after they were started, and end at once; the youngest end first. */
class StartingPods {
  #readyAt: number[];
  readonly #startSeconds: number;

  constructor(count: number, startSeconds: number) {
    this.#readyAt = Array.from({ length: count }, () => 0);
    this.#startSeconds = startSeconds;
  }

  get count(): number {
    return this.#readyAt.length;
  }

  ready(second: number): number {
    return this.#readyAt.filter((at) => at <= second).length;
  }

  scale(count: number, second: number): void {
    this.#readyAt.length = Math.min(count, this.#readyAt.length);
    while (this.#readyAt.length < count) this.#readyAt.push(second + this.#startSeconds);
  }
}
