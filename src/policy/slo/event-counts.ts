/** Events that count against an objective, and all events. */
export interface EventCounts {
  readonly bad: number;
  readonly total: number;
}

interface Tier extends CountTier {
  /** By the number of the stretch of time, the oldest first. */
  readonly stretches: Map<number, EventCounts>;
}

export interface CountTier {
  readonly stepMs: number;
  readonly kept: number;
}

/** Ten seconds for an hour. */
export const recentTiers: readonly CountTier[] = [{ stepMs: 10_000, kept: 361 }];
/** And a minute for three days, an hour for 32 days. */
const monthTiers: readonly CountTier[] = [
  ...recentTiers,
  { stepMs: 60_000, kept: 4321 },
  { stepMs: 3_600_000, kept: 768 },
];

export type SavedCounts = readonly {
  readonly stepMs: number;
  readonly stretches: readonly (readonly [number, number, number])[];
}[];

/**
 * The events of one objective over a month by default, in bounded memory. Counts are added up and never ratios, so that a quiet hour
 * weighs as little as it should.
 */
export class EventHistory {
  readonly #tiers: readonly Tier[];

  constructor(shapes: readonly CountTier[] = monthTiers) {
    this.#tiers = shapes.map((shape) => ({ ...shape, stretches: new Map() }));
  }

  /** Adds events of this moment, in milliseconds since the epoch. */
  add(atMs: number, { bad, total }: EventCounts): void {
    if (total <= 0) return;
    for (const { stepMs, kept, stretches } of this.#tiers) {
      const stretch = Math.floor(atMs / stepMs);
      const before = stretches.get(stretch) ?? { bad: 0, total: 0 };
      stretches.delete(stretch);
      stretches.set(stretch, { bad: before.bad + Math.min(bad, total), total: before.total + total });
      for (const old of stretches.keys()) {
        if (old > stretch - kept) break;
        stretches.delete(old);
      }
    }
  }

  /** The events of the window that ends now, from the finest stretches that reach back as far. */
  over(windowMs: number, nowMs: number): EventCounts {
    const tier = this.#tiers.find(({ stepMs, kept }) => windowMs <= stepMs * (kept - 1)) ?? this.#tiers.at(-1);
    let [bad, total] = [0, 0];
    if (tier === undefined) return { bad, total };
    const first = Math.floor((nowMs - windowMs) / tier.stepMs) + 1;
    for (const [stretch, counts] of tier.stretches) {
      if (stretch < first) continue;
      bad += counts.bad;
      total += counts.total;
    }
    return { bad, total };
  }

  /** For a file. */
  saved(): SavedCounts {
    return this.#tiers.map(({ stepMs, stretches }) => ({
      stepMs,
      stretches: [...stretches].map(([stretch, { bad, total }]) => [stretch, bad, total] as const),
    }));
  }

  restore(saved: SavedCounts): void {
    for (const { stepMs, stretches } of this.#tiers) {
      for (const [stretch, bad, total] of saved.find((one) => one.stepMs === stepMs)?.stretches ?? [])
        stretches.set(stretch, { bad, total });
    }
  }
}
