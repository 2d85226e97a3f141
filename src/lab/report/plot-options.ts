/** A curve as run.json stores it: points in order of x; those whose y is not finite are left out. */
export interface PlotLine {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Dots alone, with no line to join them. */
  readonly isScattered?: boolean;
}

/** Figures over time, as run.json stores them. */
export interface PlotOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly lines: readonly PlotLine[];
  /** Horizontal lines to compare with. */
  readonly marks: readonly { readonly name: string; readonly y: number }[];
}
