import type { Requests } from '../load/requests.ts';
import type { Window } from './figures.ts';

/** The mean number of requests under way in each of so many equal parts of the window: from when they were due to their end. */
export function underWayOverTime(requests: Requests, { fromMs, toMs }: Window, parts: number): number[] {
  const partMs = (toMs - fromMs) / parts;
  const areas = new Float64Array(parts);
  for (let row = 0; row < requests.count; row++) {
    if (requests.outcome(row) === 'unsent') continue;
    const begin = Math.max(fromMs, requests.intendedMs(row));
    const end = Math.min(toMs, requests.endMs(row));
    if (end <= begin) continue;
    const last = Math.min(parts - 1, Math.floor((end - fromMs) / partMs));
    for (let part = Math.floor((begin - fromMs) / partMs); part <= last; part++) {
      const overlap = Math.min(end, fromMs + (part + 1) * partMs) - Math.max(begin, fromMs + part * partMs);
      areas[part] = (areas[part] as number) + Math.max(0, overlap);
    }
  }
  return [...areas].map((area) => area / partMs);
}
