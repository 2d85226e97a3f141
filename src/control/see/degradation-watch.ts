import {
  aboveSince,
  type DegradationKind,
  type DegradationRule,
  degradationRules,
  hasHeld,
  isAboveLimit,
  JUDGED_MS,
  limitText,
  measuredText,
} from '../../policy/slo/degradation.ts';
import { type EventCounts, EventHistory, recentTiers, type SavedCounts } from '../../policy/slo/event-counts.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import type { DegradationSignals } from '../../policy/verdict/signals.ts';
import { degradationEvents, poolUse } from './slo-events.ts';
import type { Totals } from './totals.ts';

/** The state of a rule on degradation. */
export interface DegradationStatus {
  readonly kind: DegradationKind;
  /** The endpoint, or the role whose pool it is. */
  readonly subject: string;
  /** Such as `p95 > 225 ms`. */
  readonly limit: string;
  readonly forMs: number;
  /** The events of the last two minutes; of a pool, connections by the second. */
  readonly events: EventCounts;
  readonly measured: string;
  /** When the rule rose above its limit, in milliseconds since the epoch; null if it is not above. */
  readonly sinceMs: number | null;
  readonly isFiring: boolean;
}

interface WatchedRule {
  readonly key: string;
  readonly subject: string;
  readonly rule: DegradationRule;
  readonly history: EventHistory;
  sinceMs: number | undefined;
}

export interface SavedDegradations {
  readonly histories: Readonly<Record<string, SavedCounts>>;
  readonly since: Readonly<Record<string, number>>;
}

const POOL = 'pool ';

/** Follows the rules on degradation of an SLO file. */
export class DegradationWatch {
  readonly #watched = new Map<string, WatchedRule>();
  readonly #poolRule: DegradationRule | undefined;

  constructor(slo: Slo) {
    const rules = degradationRules(slo);
    this.#poolRule = rules.find(({ kind }) => kind === 'pool');
    for (const rule of rules)
      if (rule.endpoint !== undefined) this.#watch(`${rule.kind} ${rule.endpoint}`, rule.endpoint, rule);
  }

  #watch(key: string, subject: string, rule: DegradationRule): WatchedRule {
    const watched = { key, subject, rule, history: new EventHistory(recentTiers), sinceMs: undefined };
    this.#watched.set(key, watched);
    return watched;
  }

  restore({ histories, since }: SavedDegradations): void {
    if (this.#poolRule !== undefined)
      for (const key of Object.keys(histories))
        if (key.startsWith(POOL)) this.#watch(key, key.slice(POOL.length), this.#poolRule);
    for (const watched of this.#watched.values()) {
      watched.history.restore(histories[watched.key] ?? []);
      watched.sinceMs = since[watched.key];
    }
  }

  saved(): SavedDegradations {
    const all = [...this.#watched.values()];
    return {
      histories: Object.fromEntries(all.map(({ key, history }) => [key, history.saved()])),
      since: Object.fromEntries(all.flatMap(({ key, sinceMs }) => (sinceMs === undefined ? [] : [[key, sinceMs]]))),
    };
  }

  /** All events that were counted so far, by the keys that `look` expects. */
  counted(totals: Totals): [string, EventCounts][] {
    return [...this.#watched.values()].flatMap(({ key, rule }) =>
      rule.kind === 'pool' ? [] : [[key, degradationEvents(totals, rule)]],
    );
  }

  /** `added`: the events since the previous look. `nowMs` in milliseconds since the epoch. */
  look(added: ReadonlyMap<string, EventCounts>, totals: Totals, nowMs: number): void {
    for (const [key, events] of added) this.#watched.get(key)?.history.add(nowMs, events);
    this.#lookAtPools(totals, nowMs);
    for (const watched of this.#watched.values()) {
      const { rule, history } = watched;
      const isAbove = isAboveLimit(rule, (windowMs) => history.over(windowMs, nowMs));
      watched.sinceMs = aboveSince(watched.sinceMs, isAbove, nowMs);
    }
  }

  #lookAtPools(totals: Totals, nowMs: number): void {
    const rule = this.#poolRule;
    if (rule === undefined) return;
    for (const [role, use] of poolUse(totals)) {
      const key = `${POOL}${role}`;
      (this.#watched.get(key) ?? this.#watch(key, role, rule)).history.add(nowMs, use);
    }
  }

  status(nowMs: number): DegradationStatus[] {
    return [...this.#watched.values()].map(({ subject, rule, history, sinceMs }) => {
      const events = history.over(JUDGED_MS, nowMs);
      return {
        kind: rule.kind,
        subject,
        limit: limitText(rule),
        forMs: rule.forMs,
        events,
        measured: events.total <= 0 ? 'no events' : measuredText(rule, events.bad / events.total),
        sinceMs: sinceMs ?? null,
        isFiring: hasHeld(rule, sinceMs, nowMs),
      };
    });
  }

  /** The rules that fire. */
  firing(nowMs: number): DegradationSignals[] {
    return this.status(nowMs).flatMap(({ kind, subject, limit, measured, isFiring }) =>
      isFiring ? [{ kind, subject, limit, measured }] : [],
    );
  }
}
