/** How a request of a run ended; each ends in exactly one of these. */
export const outcomes = [
  'pending',
  '2xx',
  '3xx',
  '4xx',
  '5xx',
  'refused',
  'timeout',
  'connection-error',
  'unsent',
  /** A success by its status that is not what was expected of it. */
  'wrong-reply',
  /** A status that was expected, though it is no success by its class. */
  'as-expected',
] as const;

export type OutcomeName = (typeof outcomes)[number];

/** 429 and 503 are a system's way to say that it has enough: no errors, but no work done either. */
export function outcomeOfStatus(status: number): OutcomeName {
  if (status === 429 || status === 503) return 'refused';
  if (status >= 500) return '5xx';
  if (status >= 400) return '4xx';
  return status >= 300 ? '3xx' : '2xx';
}
