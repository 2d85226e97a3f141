// npm run fleet:shift: all demand of a fleet moves from host to host, and permits must follow it. Progress goes to standard error.
import { fileURLToPath } from 'node:url';
import { quantile } from '../src/lab/statistics/quantile.ts';
import { floorOf, reachableOf } from '../test/fleet/floors.ts';
import { shiftDemand } from '../test/fleet/shifting.ts';
import { fleetOptions, runFleetCommand, startStrictFleet } from './fleet-command.ts';
import { wholeOption } from './whole-option.ts';
import { writeTable } from './write-table.ts';

const help = `usage: npm run fleet:shift -- [options]
  --hosts N      gateway hosts (3)
  --shifts N     how often demand moves on to the next host (100)
  --docs         puts the figures into docs/fleet-proof.md
Exit code: 0 when permits followed within 250 ms (p99) and the cap held, 1 otherwise, 2 for wrong usage or a machine that cannot do it.`;

const CAP = 12;
const SERVICE_MS = 50;
const USERS = 20;
const BAR_MS = 250;

interface Wanted {
  readonly hosts: number;
  readonly shifts: number;
  readonly isForDocs: boolean;
}

async function runShifts({ hosts, shifts, isForDocs }: Wanted): Promise<number> {
  const fleet = await startStrictFleet({ hosts, cap: CAP, serviceMs: SERVICE_MS, usersPerHost: USERS });
  const reachable = reachableOf(CAP, hosts, floorOf(CAP, hosts));
  const result = await shiftDemand(fleet, { count: shifts, reachable, say: (line) => console.error(line) });
  const times = result.shifts.map(({ afterMs }) => afterMs);
  const [p50 = NaN, p99 = NaN, slowest = NaN] = [0.5, 0.99, 1].map((q) => quantile(times, q));
  const ms = (value: number): string => (value === Infinity ? 'never' : `${Math.round(value)} ms`);
  const text =
    `${shifts} shifts of all demand among ${hosts} hosts, requests of ${SERVICE_MS} ms: ${result.level} of the ${reachable} permits that a host can have ` +
    `are in use there after ${ms(p50)} (p50), ${ms(p99)} (p99), ${ms(slowest)} (slowest); at most ${result.mostInFlight} in flight of ${CAP}.`;
  console.log(text);
  if (isForDocs) writeTable('fleet-proof.md', 'shifts', `\n${text}\n`);
  return p99 <= BAR_MS && result.mostInFlight <= CAP ? 0 : 1;
}

await runFleetCommand({
  script: fileURLToPath(import.meta.url),
  help,
  options: { ...fleetOptions, shifts: { type: 'string', default: '100' } },
  read: (values): Wanted => ({
    hosts: wholeOption('hosts', values.hosts, 2, 16),
    shifts: wholeOption('shifts', values.shifts, 1, 10_000),
    isForDocs: values.docs,
  }),
  run: runShifts,
});
