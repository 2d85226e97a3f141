/** The figures of one stretch of time; null where none is known. */
export type HistoryRow = readonly (number | null)[];

/** How long a tier's rows are, and how many of them are kept. */
export interface TierShape {
  readonly stepMs: number;
  readonly rows: number;
}

/** How the rows of a finer tier become one row: by their mean, or by their largest value. */
export type Fold = 'mean' | 'max';

/** Ten minutes by the second, two hours by ten seconds, a day by the minute. */
export const dayShapes: readonly TierShape[] = [
  { stepMs: 1000, rows: 600 },
  { stepMs: 10_000, rows: 720 },
  { stepMs: 60_000, rows: 1440 },
];

interface Tier {
  readonly shape: TierShape;
  /** By the number of their stretch of time, the oldest first. */
  readonly rows: Map<number, HistoryRow>;
  /** What the present stretch has so far. */
  pending: HistoryRow[];
  stretch: number | undefined;
}

/** Rows over time at falling resolution: recent times fine, old ones coarse, in bounded memory. */
export class Tiers {
  readonly #folds: readonly Fold[];
  readonly #tiers: readonly Tier[];

  /** `folds`: one for each column. */
  constructor(folds: readonly Fold[], shapes: readonly TierShape[] = dayShapes) {
    this.#folds = folds;
    this.#tiers = shapes.map((shape) => ({ shape, rows: new Map(), pending: [], stretch: undefined }));
  }

  /** Adds the row of this moment, in milliseconds since the epoch. */
  add(atMs: number, row: HistoryRow): void {
    for (const tier of this.#tiers) {
      const stretch = Math.floor(atMs / tier.shape.stepMs);
      if (stretch !== tier.stretch) {
        tier.pending = [];
        tier.stretch = stretch;
      }
      tier.pending.push(row);
      // A stretch that a restored row began would otherwise end with the rows since then alone.
      keep(tier, stretch, folded(tier.pending, this.#folds));
    }
  }

  /**
   * The rows from `fromMs` to `toMs`, at the finest resolution that reaches back to `fromMs` and needs at most `maxRows`.
   * A stretch without a row is a row of nulls.
   */
  read(fromMs: number, toMs: number, maxRows: number): { stepMs: number; fromMs: number; rows: HistoryRow[] } {
    const newest = this.#tiers[0]?.stretch;
    const nowMs = newest === undefined ? toMs : newest * (this.#tiers[0]?.shape.stepMs ?? 1000);
    const fits = ({ shape }: Tier): boolean =>
      fromMs > nowMs - shape.stepMs * shape.rows && (toMs - fromMs) / shape.stepMs <= maxRows;
    const tier = this.#tiers.find(fits) ?? this.#tiers.at(-1);
    if (tier === undefined) return { stepMs: 1000, fromMs, rows: [] };
    const perRow = Math.max(1, Math.ceil((toMs - fromMs) / tier.shape.stepMs / maxRows));
    const first = Math.max(
      Math.floor(fromMs / tier.shape.stepMs),
      Math.floor(toMs / tier.shape.stepMs) - tier.shape.rows,
    );
    const last = Math.floor(toMs / tier.shape.stepMs);
    const rows: HistoryRow[] = [];
    for (let at = first; at <= last; at += perRow) {
      const part: HistoryRow[] = [];
      for (let one = at; one < at + perRow && one <= last; one++) {
        const row = tier.rows.get(one);
        if (row !== undefined) part.push(row);
      }
      rows.push(part.length === 0 ? this.#folds.map(() => null) : folded(part, this.#folds));
    }
    return { stepMs: tier.shape.stepMs * perRow, fromMs: first * tier.shape.stepMs, rows };
  }

  /** For a file; see `restore`. */
  saved(): readonly { readonly stepMs: number; readonly rows: readonly (readonly [number, HistoryRow])[] }[] {
    return this.#tiers.map(({ shape, rows }) => ({ stepMs: shape.stepMs, rows: [...rows] }));
  }

  /** Takes up what was saved before; tiers and columns of another shape are left out. */
  restore(saved: ReturnType<Tiers['saved']>): void {
    for (const tier of this.#tiers) {
      const found = saved.find(({ stepMs }) => stepMs === tier.shape.stepMs);
      for (const [stretch, row] of found?.rows ?? []) if (row.length === this.#folds.length) keep(tier, stretch, row);
    }
  }
}

function keep({ rows, shape }: Tier, stretch: number, row: HistoryRow): void {
  rows.delete(stretch);
  rows.set(stretch, row);
  for (const old of rows.keys()) {
    if (old > stretch - shape.rows) break;
    rows.delete(old);
  }
}

function folded(rows: readonly HistoryRow[], folds: readonly Fold[]): HistoryRow {
  if (rows.length === 1 && rows[0] !== undefined) return rows[0];
  return folds.map((fold, column) => {
    const values = rows.flatMap((row) => row[column] ?? []);
    if (values.length === 0) return null;
    const value = fold === 'max' ? Math.max(...values) : values.reduce((sum, one) => sum + one, 0) / values.length;
    return Number(value.toPrecision(4));
  });
}
