/**
 * Reasons for which an item was given up although the item need not be at fault: something broke, and may have been mended since.
 * An item that cannot be encoded stays as it is.
 */
export const redrivableReasons = ['dead-letter', 'upstream-failed', 'upstream-timeout', 'deadline', 'internal-error'];

/** An item without a barcode. */
export interface GivenUpItem {
  readonly item: number;
  readonly reason: string;
}

/** Items that are worked on together again. */
export interface ItemRange {
  readonly first: number;
  readonly count: number;
}

/**
 * The chunks of items that are taken up again, at most `size` numbers apart. A dead letter has one of its own, because it has
 * ended its workers before; the others share theirs, in which items that have results are left out anyway.
 */
export function redriveRanges(items: readonly GivenUpItem[], size: number): ItemRange[] {
  const ranges: { first: number; count: number }[] = [];
  let isOpen = false;
  for (const { item, reason } of items.toSorted((left, right) => left.item - right.item)) {
    const last = ranges.at(-1);
    const isDead = reason === 'dead-letter';
    if (isOpen && !isDead && last !== undefined && item < last.first + size) last.count = item - last.first + 1;
    else ranges.push({ first: item, count: 1 });
    isOpen = !isDead;
  }
  return ranges;
}
