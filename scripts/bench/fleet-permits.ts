// npm run bench -- fleet: the cost of a shared upstream for a request in its worker.
import { systemClock } from '../../src/core/clock.ts';
import type { FleetConfig } from '../../src/config/fleet-model.ts';
import { LeaseClient } from '../../src/gateway/upstream/lease-client.ts';
import { Permit } from '../../src/gateway/upstream/permit.ts';
import type { Upstream } from '../../src/gateway/upstream/upstream.ts';
import { median } from '../../src/lab/statistics/quantile.ts';
import { bareUpstream } from '../../test/support/bare-upstream.ts';

const REQUESTS = 400_000;
const ROUNDS = 15;
/** Requests in flight at a time. */
const IN_FLIGHT = 16;

const fleetOf = (mode: 'prompt' | 'strict'): FleetConfig => ({
  mode,
  floorShare: 500,
  expectedHosts: undefined,
  maxDurationMs: mode === 'strict' ? 30_000 : undefined,
});

const kinds = [
  { name: 'host', fleet: undefined },
  { name: 'fleet, prompt', fleet: fleetOf('prompt') },
  { name: 'fleet, strict', fleet: fleetOf('strict') },
] as const;

const claim = {
  claimant: { priority: 'interactive', fairKey: 'key' },
  routeClass: 0,
  deadline: Number.POSITIVE_INFINITY,
} as const;

export async function benchFleetPermits(): Promise<string> {
  const samples = kinds.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++)
    for (const [index, { fleet }] of kinds.entries()) {
      const nanoseconds = await measure(fleet);
      // The first round warms up.
      if (round > 0) samples[index]?.push(nanoseconds);
    }
  const medians = samples.map((each) => median(each));
  const [own = 0] = medians;
  const rows = kinds.map(({ name }, index) => {
    const more = (medians[index] ?? 0) - own;
    return `| ${name} | ${(medians[index] ?? 0).toFixed(0)} | ${index === 0 ? '' : more.toFixed(0)} |`;
  });
  return ['| scope and mode | ns for a permit | more than `host` |', '|---|---|---|', ...rows].join('\n');
}

/** Nanoseconds of processor for a permit that is taken and given back. */
async function measure(fleet: FleetConfig | undefined): Promise<number> {
  const { upstream } = bareUpstream({ cap: 64, clock: systemClock, config: { fleet }, initialPermits: () => 64 });
  const client = new LeaseClient({ upstream, share: 0, clock: systemClock, send: () => {} });
  client.connected();
  client.heard();
  client.apply({ kind: 'grant', number: 1, permits: [64], fallback: [32] });
  client.useLeaseEnd(systemClock.now() + 600_000);
  const before = process.cpuUsage();
  takeAndGive(upstream);
  const { user, system } = process.cpuUsage(before);
  client.close();
  await upstream.close();
  return ((user + system) * 1000) / REQUESTS;
}

function takeAndGive(upstream: Upstream): void {
  const taken: Permit[] = [];
  for (let index = 0; index < REQUESTS; index++) {
    if (taken.length === IN_FLIGHT) taken.shift()?.release('success');
    const permit = upstream.acquire(claim);
    if (!(permit instanceof Permit)) throw new Error('the upstream has no permit, so nothing is measured');
    taken.push(permit);
  }
  for (const permit of taken) permit.release('success');
}
