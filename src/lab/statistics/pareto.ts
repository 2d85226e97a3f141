/** One thing that counts: more of it is better, or less. */
export interface Aim<Point> {
  readonly better: 'more' | 'less';
  readonly of: (point: Point) => number;
}

/** The points than which no other is as good in everything and better in something. */
export function paretoFront<Point>(points: readonly Point[], aims: readonly Aim<Point>[]): Point[] {
  const gain = (one: Point, other: Point, { better, of }: Aim<Point>): number =>
    better === 'more' ? of(one) - of(other) : of(other) - of(one);
  const dominates = (one: Point, other: Point): boolean =>
    aims.every((aim) => gain(one, other, aim) >= 0) && aims.some((aim) => gain(one, other, aim) > 0);
  return points.filter((point) => !points.some((other) => dominates(other, point)));
}
