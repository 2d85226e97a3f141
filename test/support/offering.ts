import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import { runOpenLoop } from '../../src/lab/load/open-loop.ts';
import type { Requests } from '../../src/lab/load/requests.ts';

export interface Offer {
  readonly perSecond: number;
  readonly durationMs: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly seed?: number;
}

/** Offers GETs that come at random moments, whether or not those before have been answered. */
export async function offer(
  origin: string,
  { perSecond, durationMs, path = '/', headers = {}, seed = 1 }: Offer,
): Promise<Requests> {
  const arrivals = arrivalTimes('poisson', perSecond, durationMs, seededRandom(seed));
  const mix = {
    endpoints: [{ endpoint: 'offered', weight: 1, method: 'GET', path }],
    headers,
    rows: [],
    seed: 1,
  } as const;
  const target = { origin, mix, firstNumber: 0, timeoutMs: 10_000 };
  const { requests } = await runOpenLoop(
    target,
    { kind: 'open', arrivals, durationMs, maxInFlight: 2000 },
    systemClock,
  );
  return requests;
}

/** The numbers of all requests. */
export const numbersOf = (requests: Requests): number[] => [...Array(requests.count).keys()];

export const servedOf = (requests: Requests): number =>
  numbersOf(requests).filter((index) => requests.outcome(index) === '2xx').length;
