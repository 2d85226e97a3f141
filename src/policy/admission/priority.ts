/** A person waits for an interactive request; bulk requests use the remaining capacity. */
export type Priority = 'interactive' | 'bulk';

/** RFC 9218 §4.1: urgency runs from 0 to 7, 3 is the default, and 5 and above say that the reply can wait. */
const BULK_URGENCY = 5;

/**
 * The class of a request: bulk when its key, its route or its Priority header says so.
 * A request can only lower itself: a header that asks for more than key and route give changes nothing.
 */
export function priorityOf(
  key: Priority | undefined,
  route: Priority | undefined,
  header: string | undefined,
): Priority {
  if (key === 'bulk' || route === 'bulk') return 'bulk';
  if (header === undefined) return 'interactive';
  const urgency = /(?:^|,)\s*u\s*=\s*([0-7])\s*(?:$|[,;])/.exec(header)?.[1];
  return urgency !== undefined && Number(urgency) >= BULK_URGENCY ? 'bulk' : 'interactive';
}
