import type { EventCounts } from '../../policy/slo/event-counts.ts';

/** Processes report once a second, and connect within a second or two to a new control. */
const SETTLING_MS = 5000;

/** The bad events and all events that were counted so far, by key. */
export type CountedSoFar = Readonly<Record<string, readonly [number, number]>>;

/** Computes the events since the previous look. */
export class NewEvents {
  #counted: CountedSoFar | undefined;
  #settlesAtMs = 0;

  /** Takes up what the previous control had counted; events since then count as events of now. */
  restore(counted: CountedSoFar): void {
    this.#counted = counted;
  }

  get counted(): CountedSoFar {
    return this.#counted ?? {};
  }

  /** The new events by key. A key that the previous look did not know has no entry, because its events have no time. */
  look(now: ReadonlyMap<string, EventCounts>, nowMs: number): Map<string, EventCounts> {
    const before = this.#counted;
    // Counters that were lost come back as the processes report what they have counted since their start.
    if ([...now].some(([key, { total }]) => total < (before?.[key]?.[1] ?? 0))) this.#settlesAtMs = nowMs + SETTLING_MS;
    const added = new Map<string, EventCounts>();
    for (const [key, { bad, total }] of now) {
      const known = before?.[key];
      if (known === undefined || nowMs < this.#settlesAtMs) continue;
      added.set(key, { bad: Math.max(0, bad - known[0]), total: Math.max(0, total - known[1]) });
    }
    this.#counted = Object.fromEntries([...now].map(([key, { bad, total }]) => [key, [bad, total] as const]));
    return added;
  }
}
