/** A range of ids: from the first one on, and before the last one; without an end where there is none. */
export interface IdWindow {
  readonly from?: string | undefined;
  readonly before?: string | undefined;
}

/**
 * Windows of so many partitions that together hold every id, oldest first. A statement without a bound would plan for,
 * and lock, every partition there is, of which there may be thousands. `firstIds`: of the partitions, in order.
 */
export function windowsOf(firstIds: readonly string[], partitionsEach: number): IdWindow[] {
  const bounds: string[] = [];
  // From the newest on, so that the newest window is a full one.
  for (let index = firstIds.length - partitionsEach; index > 0; index -= partitionsEach)
    bounds.unshift(firstIds[index] as string);
  return [...bounds, undefined].map((before, index) => ({ from: bounds[index - 1], before }));
}

/** The part of a window within another range; undefined if there is none. */
export function within(window: IdWindow, range: IdWindow): IdWindow | undefined {
  const from = later(window.from, range.from);
  const before = earlier(window.before, range.before);
  return from !== undefined && before !== undefined && from >= before ? undefined : { from, before };
}

const later = (one: string | undefined, other: string | undefined): string | undefined =>
  one === undefined || (other !== undefined && other > one) ? other : one;

const earlier = (one: string | undefined, other: string | undefined): string | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;
