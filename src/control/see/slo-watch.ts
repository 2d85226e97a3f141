import type { HistogramValue } from '../../metrics/instruments.ts';
import { budgetLeft, burnRate, firingRule, type Severity } from '../../policy/slo/burn-rate.ts';
import { type EventCounts, EventHistory, type SavedCounts } from '../../policy/slo/event-counts.ts';
import { type EndpointSlo, type Objective, promiseText, type Slo } from '../../policy/slo/slo.ts';
import type { ObjectiveSignals } from '../../policy/verdict/signals.ts';
import { isProtective } from './signals-of.ts';
import type { Totals } from './totals.ts';
import type { EndpointPromise } from './view-of.ts';

/** How an objective does. */
export interface ObjectiveStatus {
  readonly endpoint: string;
  readonly promise: string;
  readonly target: number;
  /** Of the events of the whole window. */
  readonly events: EventCounts;
  readonly budgetLeft: number;
  /** By the length of the window, such as `1h`. */
  readonly burnRates: Readonly<Record<string, number>>;
  readonly firing: Severity | null;
}

const HOUR_MS = 3_600_000;
/** Processes report once a second, and connect within a second or two to a new control. */
const SETTLING_MS = 5000;
const shownWindows = {
  '5m': HOUR_MS / 12,
  '30m': HOUR_MS / 2,
  '1h': HOUR_MS,
  '6h': 6 * HOUR_MS,
  '3d': 72 * HOUR_MS,
} as const;

interface Watched {
  readonly key: string;
  readonly endpoint: string;
  readonly objective: Objective;
  readonly history: EventHistory;
}

/** What was counted up to a moment, by the key of the objective: bad and all events. */
export type CountedSoFar = Readonly<Record<string, readonly [number, number]>>;

export interface SavedSlo {
  readonly histories: Readonly<Record<string, SavedCounts>>;
  readonly counted: CountedSoFar;
}

/** Follows the objectives of the SLO file: how much of each error budget is used up, and how fast. */
export class SloWatch {
  readonly #slo: Slo;
  readonly #watched: readonly Watched[];
  #counted: CountedSoFar | undefined;
  #settlesAtMs = 0;

  constructor(slo: Slo) {
    this.#slo = slo;
    this.#watched = slo.endpoints.flatMap(({ id, objectives }) =>
      objectives.map((objective) => ({
        key: `${id} ${promiseText(objective)}`,
        endpoint: id,
        objective,
        history: new EventHistory(),
      })),
    );
  }

  /** Takes up what the previous control saved. Events that were counted since then count as events of now. */
  restore({ histories, counted }: SavedSlo): void {
    this.#counted = counted;
    for (const { key, history } of this.#watched) history.restore(histories[key] ?? []);
  }

  saved(): SavedSlo {
    const histories = Object.fromEntries(this.#watched.map(({ key, history }) => [key, history.saved()]));
    return { histories, counted: this.#counted ?? {} };
  }

  /** `nowMs` in milliseconds since the epoch. */
  look(totals: Totals, nowMs: number): void {
    const counted: Record<string, readonly [number, number]> = {};
    // Counters that were lost come back as the processes report what they have counted since their start.
    if (this.#hasLost(totals)) this.#settlesAtMs = nowMs + SETTLING_MS;
    for (const { key, endpoint, objective, history } of this.#watched) {
      const { bad, total } = eventsOf(totals, endpoint, objective);
      counted[key] = [bad, total];
      const before = this.#counted?.[key];
      // Without anything known from before, what was counted until now belongs to no moment.
      if (before === undefined || nowMs < this.#settlesAtMs) continue;
      const newly = { bad: Math.max(0, bad - before[0]), total: Math.max(0, total - before[1]) };
      history.add(nowMs, newly);
    }
    this.#counted = counted;
  }

  #hasLost(totals: Totals): boolean {
    return this.#watched.some(
      ({ key, endpoint, objective }) => eventsOf(totals, endpoint, objective).total < (this.#counted?.[key]?.[1] ?? 0),
    );
  }

  status(nowMs: number): ObjectiveStatus[] {
    return this.#watched.map(({ endpoint, objective, history }) => {
      const { target } = objective;
      const over = (windowMs: number): EventCounts => history.over(windowMs, nowMs);
      const events = over(this.#slo.windowMs);
      return {
        endpoint,
        promise: promiseText(objective),
        target,
        events,
        budgetLeft: budgetLeft(events, target),
        burnRates: Object.fromEntries(
          Object.entries(shownWindows).map(([name, windowMs]) => [name, burnRate(over(windowMs), target)]),
        ),
        firing: firingRule(over, target, this.#slo.windowMs)?.severity ?? null,
      };
    });
  }

  /** The objectives whose alerts fire. */
  burning(nowMs: number): ObjectiveSignals[] {
    return this.#watched.flatMap(({ endpoint, objective, history }) => {
      const firing = firingRule((windowMs) => history.over(windowMs, nowMs), objective.target, this.#slo.windowMs);
      if (firing === undefined) return [];
      return [{ endpoint, promise: promiseText(objective), severity: firing.severity, burnRate: firing.burnRate }];
    });
  }

  /** What an endpoint has promised, and what is left of the budget of the objective that has least. */
  promiseOf(endpoint: string, nowMs: number): EndpointPromise {
    const found = this.#slo.endpoints.find(({ id }) => id === endpoint);
    if (found === undefined) return { targetP95Ms: null, budgetLeft: null };
    const left = this.#watched
      .filter((one) => one.endpoint === endpoint)
      .map(({ objective, history }) => budgetLeft(history.over(this.#slo.windowMs, nowMs), objective.target));
    return { targetP95Ms: targetOf(found), budgetLeft: left.length === 0 ? null : Math.min(...left) };
  }
}

/** The gate's p95, or the latency that 95 % are promised. */
const targetOf = ({ gate, objectives }: EndpointSlo): number | null =>
  gate.p95Ms ??
  objectives.flatMap((one) => (one.sli === 'latency' && one.target === 0.95 ? [one.withinMs] : []))[0] ??
  null;

/**
 * Latency: every reply, bad if it took longer than promised; a bound of the histogram that is not the promise counts the
 * bucket as bad. Availability: replies but 429 and refusals with Retry-After; bad are the other 5xx.
 */
function eventsOf(totals: Totals, endpoint: string, objective: Objective): EventCounts {
  if (objective.sli === 'latency') return latencyEvents(totals, endpoint, objective.withinMs / 1000);
  let [bad, total, refused] = [0, 0, 0];
  for (const [key, count] of totals.numbers.get('rampart_requests_total') ?? []) {
    const [of, status = ''] = key.split('\n');
    if (of !== endpoint || status === '429' || status === '499') continue;
    total += count;
    if (status.startsWith('5')) bad += count;
  }
  for (const [key, count] of totals.numbers.get('rampart_rejections_total') ?? []) {
    const [of, reason = ''] = key.split('\n');
    if (of === endpoint && isShed(reason)) refused += count;
  }
  return { bad: Math.max(0, bad - refused), total: Math.max(0, total - refused) };
}

/** Refused early and with Retry-After, to keep the promise for others. */
const isShed = (reason: string): boolean =>
  isProtective(reason) && reason !== 'rate-limited' && reason !== 'too-many-in-flight';

function latencyEvents({ histograms, bounds }: Totals, endpoint: string, withinSeconds: number): EventCounts {
  const value: HistogramValue | undefined = histograms.get('rampart_latency_seconds')?.get(endpoint);
  if (value === undefined) return { bad: 0, total: 0 };
  let [good, total] = [0, 0];
  for (const [index, count] of value.counts.entries()) {
    total += count;
    if ((bounds[index] ?? Number.POSITIVE_INFINITY) <= withinSeconds) good += count;
  }
  return { bad: total - good, total };
}
