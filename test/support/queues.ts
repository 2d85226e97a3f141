import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { calibratedWork } from '../../src/generator/calibrated.ts';
import { startGenerator } from '../../src/generator/server.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import { runOpenLoop } from '../../src/lab/load/open-loop.ts';
import { quantile } from '../../src/lab/statistics/quantile.ts';

export interface Queue {
  readonly name: string;
  readonly servers: number;
  readonly law: 'deterministic' | 'exponential';
  readonly load: number;
}

export const queues: readonly Queue[] = [0.5, 0.7, 0.9].flatMap((load) => [
  { name: `M/M/1 at ${load}`, servers: 1, law: 'exponential', load } as const,
  { name: `M/D/1 at ${load}`, servers: 1, law: 'deterministic', load } as const,
  { name: `M/M/2 at ${load}`, servers: 2, law: 'exponential', load } as const,
]);

/** Response times of customers served in the order of their arrival (Kiefer and Wolfowitz's recursion; Lindley's for one server). */
export function responseTimes(arrivals: Iterable<number>, { servers }: Queue, service: () => number): number[] {
  const freeAt = Array.from({ length: servers }, () => 0);
  return Array.from(arrivals, (at) => {
    const server = freeAt.indexOf(Math.min(...freeAt));
    const end = Math.max(at, freeAt[server] as number) + service();
    freeAt[server] = end;
    return end - at;
  });
}

export const serviceTimes = ({ law }: Queue, serviceMs: number, seed: number): (() => number) => {
  const random = seededRandom(seed);
  return () => (law === 'deterministic' ? serviceMs : -Math.log(1 - random()) * serviceMs);
};

interface Law {
  readonly mean: number;
  /** Undefined where there is no closed form. */
  readonly quantile: ((q: number) => number) | undefined;
}

/** Textbook, with a service time of 1: Kleinrock, "Queueing Systems I", 3.2, 3.5 and 5.6. */
export function closedForm({ servers, law, load }: Queue): Law {
  if (law === 'deterministic') return { mean: 1 + load / (2 * (1 - load)), quantile: undefined };
  if (servers === 1) return { mean: 1 / (1 - load), quantile: (q) => -Math.log(1 - q) / (1 - load) };
  // Erlang's C for two servers; the response time is the service and, with probability C, an exponential wait.
  const waits = (2 * load ** 2) / (1 + load);
  const drain = 2 * (1 - load);
  const both = (t: number): number =>
    drain === 1 ? (1 + t) * Math.exp(-t) : (drain * Math.exp(-t) - Math.exp(-drain * t)) / (drain - 1);
  const tail = (t: number): number => (1 - waits) * Math.exp(-t) + waits * both(t);
  return { mean: 1 + waits / drain, quantile: (q) => solve((t) => 1 - tail(t), q) };
}

function solve(rising: (t: number) => number, value: number): number {
  let [low, high] = [0, 100];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (rising(middle) < value) low = middle;
    else high = middle;
  }
  return low;
}

/** Long against what the machine's own business adds to a request. */
export const SERVICE_MS = 100;
const DURATION_MS = 22_000;

/** A real calibrated server under a real load. */
export async function measure({ servers, law, load }: Queue, index: number) {
  const limits = { host: '127.0.0.1', port: 0, slots: servers, queueCapacity: 10_000, queueTimeoutMs: 60_000 };
  const work = calibratedWork({ serviceTimeMs: SERVICE_MS, law }, systemClock, seededRandom(index));
  const server = await startGenerator({ ...limits, drainGraceMs: 0 }, { clock: systemClock, work });
  const arrivals = arrivalTimes('poisson', (1000 * servers * load) / SERVICE_MS, DURATION_MS, seededRandom(40 + index));
  const mix = {
    endpoints: [{ endpoint: 'work', weight: 1, method: 'POST', path: '/generate', body: '{}' }],
    headers: { 'content-type': 'application/json' },
    rows: [],
    seed: 1,
  } as const;
  const { requests } = await runOpenLoop(
    { origin: `http://127.0.0.1:${server.port}`, mix, firstNumber: 0, timeoutMs: 60_000 },
    { kind: 'open', arrivals, durationMs: DURATION_MS, maxInFlight: 10_000 },
    systemClock,
  );
  await server.drain();
  const lags = Float64Array.from(
    { length: requests.count },
    (_, row) => requests.sentMs(row) - requests.intendedMs(row),
  );
  return { arrivals, requests, lagMs: quantile(lags, 0.99) };
}
