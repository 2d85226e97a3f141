import { budgetLeft, burnRate, type FiringRule, firingRule, type Severity } from '../../policy/slo/burn-rate.ts';
import { type EventCounts, EventHistory, type SavedCounts } from '../../policy/slo/event-counts.ts';
import { type Objective, p95TargetMs, promiseText, type Slo } from '../../policy/slo/slo.ts';
import type { DegradationSignals, ObjectiveSignals } from '../../policy/verdict/signals.ts';
import { type DegradationStatus, DegradationWatch, type SavedDegradations } from './degradation-watch.ts';
import { type CountedSoFar, NewEvents } from './new-events.ts';
import { objectiveEvents } from './slo-events.ts';
import type { Totals } from './totals.ts';
import type { EndpointPromise } from './view-of.ts';

/** The state of an objective. */
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

/** The state of all objectives and limits of the SLO file. */
export interface SloStatus {
  readonly objectives: readonly ObjectiveStatus[];
  readonly degradations: readonly DegradationStatus[];
}

const HOUR_MS = 3_600_000;
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
  readonly minPerSecond: number;
  readonly history: EventHistory;
}

export interface SavedSlo {
  readonly histories: Readonly<Record<string, SavedCounts>>;
  readonly counted: CountedSoFar;
  /** Missing in the file of a version without it. */
  readonly degradations?: SavedDegradations | undefined;
}

/** Follows the objectives of the SLO file: how much of each error budget is used up, and how fast. */
export class SloWatch {
  readonly #slo: Slo;
  readonly #watched: readonly Watched[];
  readonly #degradations: DegradationWatch;
  readonly #news = new NewEvents();

  constructor(slo: Slo) {
    this.#slo = slo;
    this.#degradations = new DegradationWatch(slo);
    this.#watched = slo.endpoints.flatMap(({ id, objectives, alerts: { minPerSecond } }) =>
      objectives.map((objective) => ({
        key: `${id} ${promiseText(objective)}`,
        endpoint: id,
        objective,
        minPerSecond,
        history: new EventHistory(),
      })),
    );
  }

  /** Takes up what the previous control saved. Events that were counted since then count as events of now. */
  restore({ histories, counted, degradations }: SavedSlo): void {
    this.#news.restore(counted);
    for (const { key, history } of this.#watched) history.restore(histories[key] ?? []);
    if (degradations !== undefined) this.#degradations.restore(degradations);
  }

  saved(): SavedSlo {
    const histories = Object.fromEntries(this.#watched.map(({ key, history }) => [key, history.saved()]));
    return { histories, counted: this.#news.counted, degradations: this.#degradations.saved() };
  }

  /** `nowMs` in milliseconds since the epoch. */
  look(totals: Totals, nowMs: number): void {
    const counted = this.#watched.map(
      ({ key, endpoint, objective }) => [key, objectiveEvents(totals, endpoint, objective)] as const,
    );
    const added = this.#news.look(new Map([...counted, ...this.#degradations.counted(totals)]), nowMs);
    for (const { key, history } of this.#watched) {
      const events = added.get(key);
      if (events !== undefined) history.add(nowMs, events);
    }
    this.#degradations.look(added, totals, nowMs);
  }

  /** The rules on degradation that fire. */
  degraded(nowMs: number): DegradationSignals[] {
    return this.#degradations.firing(nowMs);
  }

  status(nowMs: number): SloStatus {
    return { objectives: this.#objectives(nowMs), degradations: this.#degradations.status(nowMs) };
  }

  #objectives(nowMs: number): ObjectiveStatus[] {
    return this.#watched.map((one) => {
      const { endpoint, objective, history } = one;
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
        firing: this.#firing(one, nowMs)?.severity ?? null,
      };
    });
  }

  #firing({ objective: { target }, minPerSecond, history }: Watched, nowMs: number): FiringRule | undefined {
    const terms = { target, windowMs: this.#slo.windowMs, minPerSecond };
    return firingRule((windowMs) => history.over(windowMs, nowMs), terms);
  }

  /** The objectives whose alerts fire. */
  burning(nowMs: number): ObjectiveSignals[] {
    return this.#watched.flatMap((one) => {
      const { endpoint, objective } = one;
      const firing = this.#firing(one, nowMs);
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
    return { targetP95Ms: p95TargetMs(found) ?? null, budgetLeft: left.length === 0 ? null : Math.min(...left) };
  }
}
