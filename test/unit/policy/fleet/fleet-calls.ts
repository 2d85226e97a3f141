import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import type { BackendClaim, FleetCall } from '../../../../src/policy/fleet/fleet-call.ts';
import { LEARNING_MS, LEASE_MS } from '../../../../src/policy/fleet/fleet-times.ts';

export const claim = (given: Partial<BackendClaim> = {}): BackendClaim => ({
  backend: 'app a',
  cap: 24,
  floorShare: 500,
  quarantineMs: 1000,
  held: 0,
  want: 0,
  floor: 0,
  ...given,
});

/** A call at `at`, which the host expects exactly. */
export const callAt = (
  host: string,
  at: number,
  given: Partial<FleetCall> & { claims?: BackendClaim[] } = {},
): FleetCall => ({
  host,
  incarnation: 1,
  seq: at,
  runId: 'run-1',
  expectedAt: at,
  toleranceMs: 250,
  jumped: false,
  settled: true,
  claims: [claim()],
  ...given,
});

export const START = 1_000_000;

/** A book that has learnt, with these hosts in it. Returns it with the time. */
export function readyBook(...hosts: string[]): { book: FleetBook; now: number } {
  const book = new FleetBook();
  for (const host of hosts) book.renew(callAt(host, START, { incarnation: 0 }), START);
  const now = START + LEARNING_MS + 6000;
  for (let at = START; at < now; at += LEASE_MS / 4) for (const host of hosts) book.renew(callAt(host, at), at);
  return { book, now };
}
