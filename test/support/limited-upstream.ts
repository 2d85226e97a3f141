import { type Random, seededRandom } from '../../src/core/random.ts';
import { EventQueue } from '../../src/lab/simulator/event-queue.ts';
import { AdaptiveLimit } from '../../src/policy/admission/adaptive-limit.ts';

export interface LimitedUpstream {
  readonly permits: number;
  /** Time of a request that begins with so many in flight, itself included. */
  readonly serviceMs: (random: Random, inFlight: number, now: number) => number;
  /** Requests outstanding, in a closed loop; or arrivals a second. */
  readonly clients?: number;
  readonly perSecond?: number;
  /** In place of the adaptive limit. */
  readonly fixed?: number;
  readonly minutes?: number;
  readonly seed: number;
}

const LOOK_MS = 250;
/** Of those that wait, as the bound of the queue does it. */
const ROUNDS = 2;

/** An upstream with a limit of its own, in virtual time: what it served, how long requests took, and which part was used. */
export function runLimited(options: LimitedUpstream) {
  const { permits, serviceMs, clients, perSecond = 0, fixed, minutes = 20, seed } = options;
  const random = seededRandom(seed);
  const limit = new AdaptiveLimit({ least: 1, random });
  const events = new EventQueue<{ readonly arrivedAt: number; readonly takes: number }>();
  const waiting: number[] = [];
  const latencies: number[] = [];
  const parts: number[] = [];
  let [inFlight, ended, endedMs, served, front] = [0, 0, 0, 0, 0];
  const endMs = minutes * 60_000;
  let nextLook = LOOK_MS;
  let nextArrival = clients === undefined ? 0 : Number.POSITIVE_INFINITY;
  const allowed = (): number => fixed ?? limit.of(permits);
  const start = (now: number): void => {
    while (front < waiting.length && inFlight < allowed()) {
      const arrivedAt = waiting[front++] as number;
      inFlight++;
      const takes = serviceMs(random, inFlight, now);
      events.push(now + takes, { arrivedAt, takes });
    }
    if (front > 10_000) waiting.splice(0, front).length = front = 0;
  };
  for (let client = 0; client < (clients ?? 0); client++) waiting.push(0);
  start(0);
  for (;;) {
    const now = Math.min(events.nextAt, nextLook, nextArrival);
    if (now > endMs) break;
    if (now === events.nextAt) {
      const { arrivedAt, takes } = events.pop() as { arrivedAt: number; takes: number };
      endedMs += takes;
      inFlight--;
      ended++;
      served++;
      latencies.push(now - arrivedAt);
      if (clients !== undefined) waiting.push(now);
    } else if (now === nextArrival) {
      nextArrival = now - (Math.log(1 - random()) * 1000) / perSecond;
      if (waiting.length - front < ROUNDS * permits) waiting.push(now);
    } else {
      nextLook = now + LOOK_MS;
      limit.look({ ended, busyMs: endedMs, isSaturated: waiting.length > front, permits }, now);
      endedMs = 0;
      parts.push(allowed() / permits);
      ended = 0;
    }
    start(now);
  }
  latencies.sort((left, right) => left - right);
  return {
    perSecond: served / (endMs / 1000),
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    usable: parts.reduce((sum, part) => sum + part, 0) / parts.length,
    lowest: Math.min(...parts),
  };
}
