import { seededRandom } from '../../../../src/core/random.ts';
import { BackendLoad } from '../../../../src/policy/balance/backend-load.ts';
import { type BalancerName, type Candidate, createBalancer } from '../../../../src/policy/balance/balancer.ts';

/** A backend that answers after a fixed time, or never. */
export class FakeBackend implements Candidate {
  inFlight = 0;
  cap = Number.POSITIVE_INFINITY;
  available = true;
  readonly load = new BackendLoad(0);
  readonly latencyMs: number;
  readonly outcome: 'success' | 'failure';

  constructor(latencyMs = 50, outcome: 'success' | 'failure' = 'success') {
    this.latencyMs = latencyMs;
    this.outcome = outcome;
  }

  /** A request of this class that took this long, ended at `now`. */
  served(routeClass: number, latencyMs: number, now: number): void {
    const startedAt = now - latencyMs;
    this.load.started(startedAt);
    this.load.ended({ routeClass, latencyMs, startedAt, outcome: 'success', now });
  }
}

interface Drive {
  readonly fromMs?: number;
  readonly requests: number;
  readonly gapMs: number;
  readonly routeClass?: number;
}

/** Sends requests at even distances through a balancer, and waits for the answers; how many each backend was given. */
export function drive(
  name: BalancerName,
  backends: readonly FakeBackend[],
  { fromMs = 0, requests, gapMs, routeClass = 0 }: Drive,
): number[] {
  const balancer = createBalancer(name);
  const random = seededRandom(7);
  const counts = backends.map(() => 0);
  const underWay: { backend: FakeBackend; startedAt: number; endsAt: number }[] = [];
  const endUntil = (until: number): void => {
    for (const ended of underWay.filter(({ endsAt }) => endsAt <= until).sort((a, b) => a.endsAt - b.endsAt)) {
      underWay.splice(underWay.indexOf(ended), 1);
      const { backend, startedAt, endsAt: now } = ended;
      backend.inFlight--;
      backend.load.ended({ routeClass, latencyMs: backend.latencyMs, startedAt, outcome: backend.outcome, now });
    }
  };
  for (let number = 0; number < requests; number++) {
    const now = fromMs + number * gapMs;
    endUntil(now);
    const backend = balancer.pick(backends, { now, random, routeClass });
    if (backend === undefined) continue;
    const index = backends.indexOf(backend);
    counts[index] = (counts[index] ?? 0) + 1;
    backend.inFlight++;
    backend.load.started(now);
    underWay.push({ backend, startedAt: now, endsAt: now + backend.latencyMs });
  }
  endUntil(Number.MAX_VALUE);
  return counts;
}
