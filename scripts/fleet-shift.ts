// npm run fleet:shift: all demand of a fleet moves from host to host, and permits must follow it. Progress goes to standard error.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/core/errors.ts';
import { quantile } from '../src/lab/statistics/quantile.ts';
import { endWithOutside, isEnclosed } from '../test/fleet/enclosure.ts';
import { Fleet } from '../test/fleet/fleet.ts';
import { shiftDemand } from '../test/fleet/shifting.ts';
import { runEnclosed } from './run-enclosed.ts';
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
const FLOOR_SHARE = 0.5;
const BAR_MS = 250;

const options = {
  hosts: { type: 'string', default: '3' },
  shifts: { type: 'string', default: '100' },
  docs: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Wanted {
  readonly hosts: number;
  readonly shifts: number;
  readonly isForDocs: boolean;
}

/** Undefined after it has answered for help or wrong usage. */
function readWanted(): Wanted | undefined {
  try {
    const { values } = parseArgs({ options });
    if (values.help) return void console.log(help);
    return {
      hosts: wholeOption('hosts', values.hosts, 2, 16),
      shifts: wholeOption('shifts', values.shifts, 1, 10_000),
      isForDocs: values.docs,
    };
  } catch (error) {
    console.error(`fleet: ${messageOf(error)}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function runShifts({ hosts, shifts, isForDocs }: Wanted): Promise<number> {
  const fleet = await Fleet.place({
    hosts,
    seed: 1,
    workers: 1,
    cap: CAP,
    hostCap: CAP,
    serviceMs: SERVICE_MS,
    usersPerHost: USERS,
    stragglers: 0,
    joiners: 0,
    hasLedger: true,
    upstream: { scope: 'fleet', mode: 'strict', maxDurationMs: 3000 },
    limit: { perSecond: 20, burst: 5 },
  });
  console.error(`Starting ${hosts} hosts, a backend with cap ${CAP}, Valkey with replica and sentinel`);
  await fleet.start();
  const reachable = CAP - (hosts - 1) * Math.floor((FLOOR_SHARE * CAP) / hosts);
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

const wanted = readWanted();
if (wanted !== undefined && isEnclosed()) {
  endWithOutside();
  process.exit(await runShifts(wanted));
} else if (wanted !== undefined) runEnclosed(fileURLToPath(import.meta.url));
