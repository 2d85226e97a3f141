// npm run fleet:test and fleet:long: a fleet in network namespaces under load, faults by a seeded schedule, and a table of what
// each of them did to the cap. Progress goes to standard error.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/core/errors.ts';
import { endWithOutside, isEnclosed } from '../test/fleet/enclosure.ts';
import type { Fault } from '../test/fleet/fault.ts';
import { failureTable } from '../test/fleet/failure-table.ts';
import { allFaults } from '../test/fleet/faults/faults.ts';
import { FEW_JOINERS, MOST_JOINERS } from '../test/fleet/faults/fleet-faults.ts';
import { Fleet } from '../test/fleet/fleet.ts';
import { floorOf, reachableOf } from '../test/fleet/floors.ts';
import { planFaults } from '../test/fleet/nemesis.ts';
import { brokenPromises } from '../test/fleet/judge.ts';
import { reportOf, type ReportRow, reportTable, tokensLine, tokensOf } from '../test/fleet/report.ts';
import { type FleetHistory, runSchedule } from '../test/fleet/run.ts';
import { sharedLines } from '../test/fleet/shared-report.ts';
import { runEnclosed } from './run-enclosed.ts';
import { wholeOption } from './whole-option.ts';
import { writeTable } from './write-table.ts';

const help = `usage: npm run fleet:test -- [options]
  --hosts N      gateway hosts (3)
  --workers N    gateway workers of each (1)
  --seconds N    length of the schedule (60)
  --seed N       of the schedule (1)
  --users N      users of each host in a closed loop (28)
  --stragglers P per cent of the calls that take ten times as long (0)
  --scope S      of the upstream: host, fleet, or divided: the cap divided by hosts (fleet)
  --mode M       of a fleet's upstream: strict or prompt (strict)
  --ledger       hosts know Valkey, also with another scope: the limit of clients is one over all hosts
  --calls-only   hosts with Valkey share no PostgreSQL and no cache: no purges, no batches
  --fault NAME   only this one; may come several times
  --long         faults that take longer than a minute, too
  --json         the result as JSON on standard output
  --out FILE     every request and call as JSON, to look into
  --docs         puts the tables into docs/fleet-proof.md
Exit code: 0 when all promises were kept, 1 when one was broken, 2 for wrong usage or a machine that cannot do it.`;

const options = {
  hosts: { type: 'string', default: '3' },
  workers: { type: 'string', default: '1' },
  seconds: { type: 'string', default: '60' },
  seed: { type: 'string', default: '1' },
  users: { type: 'string', default: '28' },
  stragglers: { type: 'string', default: '0' },
  scope: { type: 'string', default: 'fleet' },
  mode: { type: 'string', default: 'strict' },
  ledger: { type: 'boolean', default: false },
  'calls-only': { type: 'boolean', default: false },
  fault: { type: 'string', multiple: true },
  long: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  out: { type: 'string' },
  docs: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const { values } = orUsage(() => parseArgs({ options }));

/** Wrong usage is one line and exit code 2. */
function orUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    console.error(`fleet: ${messageOf(error)}`);
    process.exit(2);
  }
}

/** The backend answers so slowly that all hosts together cannot make more requests than two processors carry. */
const CAP = 24;
const REQUESTS_PER_SECOND = 300;
/** With purges and batches beside them. */
const REQUESTS_BESIDE_OTHERS = 200;
/** A limit of all clients together, which three times as many calls ask for. */
const LIMIT_PER_SECOND = 20;
const BURST_PER_HOST = 5;
const LEAST_USE = 0.95;

function sizes(): Record<'hosts' | 'workers' | 'seconds' | 'seed' | 'users' | 'stragglers', number> {
  return {
    hosts: wholeOption('hosts', values.hosts, 1, 16),
    workers: wholeOption('workers', values.workers, 1, 16),
    seconds: wholeOption('seconds', values.seconds, 1, 86_400),
    seed: wholeOption('seed', values.seed, 0, 2 ** 31),
    users: wholeOption('users', values.users, 1, 1000),
    stragglers: wholeOption('stragglers', values.stragglers, 0, 100),
  };
}

const hasLedger = values.ledger || values.scope === 'fleet';
const hasShared = hasLedger && !values['calls-only'];
const choices = { scope: ['host', 'fleet', 'divided'], mode: ['strict', 'prompt'] } as const;

function checkChoices(): void {
  for (const name of ['scope', 'mode'] as const) {
    const known: readonly string[] = choices[name];
    if (!known.includes(values[name]))
      throw new Error(`--${name} must be ${known.join(' or ')}: got '${values[name]}'`);
  }
}

/** Runs it all and returns the exit code. */
async function runFleet(): Promise<number> {
  const { hosts, workers, seconds, seed, users, stragglers } = sizes();
  const totalMs = seconds * 1000;
  const faults = chosenFaults();
  const perSecond = hasShared ? REQUESTS_BESIDE_OTHERS : REQUESTS_PER_SECOND;
  const schedule = planFaults(faults, { seed, hosts, totalMs, calmMs: 1500, maxFaults: 200 });
  const fleet = await Fleet.place({
    hosts,
    seed,
    workers,
    cap: CAP,
    hostCap: values.scope === 'divided' ? Math.floor(CAP / hosts) : CAP,
    serviceMs: Math.ceil((hosts * CAP * 1000) / perSecond / 10) * 10,
    usersPerHost: users,
    stragglers: stragglers / 100,
    joiners: values.long ? MOST_JOINERS : FEW_JOINERS,
    hasLedger,
    hasShared,
    upstream: values.scope === 'fleet' ? fleetUpstream(values.mode) : {},
    limit: { perSecond: LIMIT_PER_SECOND, burst: BURST_PER_HOST * hosts },
  });
  console.error(`Starting ${hosts} hosts, a backend with cap ${CAP}, Valkey with replica and sentinel`);
  await fleet.start();
  const history = await runSchedule(fleet, {
    faults,
    schedule,
    totalMs,
    warmUpMs: 1500,
    say: (line) => console.error(line),
  });
  const rows = reportOf(history);
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(history));
  const text = textOf(history, rows);
  if (values.docs) writeTable('fleet-proof.md', `scope ${values.scope}`, `\n${text}\n`);
  const isFleet = values.scope === 'fleet';
  if (values.docs && isFleet) writeTable('fleet-proof.md', 'failure table', `\n${failureTable(rows)}\n`);
  const floor = isFleet ? floorOf(CAP, hosts) : CAP;
  const broken = brokenPromises(history, rows, {
    mostInFlight: values.scope === 'host' ? hosts * CAP : CAP,
    leastUse: values.scope === 'host' ? 0 : LEAST_USE,
    reachable: isFleet ? reachableOf(CAP, hosts, floor) : CAP,
    hasLedger,
    floor,
  });
  console.log(values.json ? JSON.stringify({ hosts, cap: CAP, rows, tokens: tokensOf(history), broken }) : text);
  for (const promise of broken) console.error(`broken: ${promise}`);
  return broken.length === 0 ? 0 : 1;
}

/** The table, and a sentence on each of the other loads. */
function textOf(history: FleetHistory, rows: readonly ReportRow[]): string {
  const lines = [reportTable(rows), tokensLine(tokensOf(history))];
  return [...lines, ...(history.shared === undefined ? [] : [sharedLines(history.shared)])].join('\n\n');
}

/** A strict upstream ends requests that last longer; when so much time is over, permits of a lost host are free. */
const MAX_DURATION_MS = 3000;

const fleetUpstream = (mode: string): Record<string, unknown> => ({
  scope: 'fleet',
  mode,
  ...(mode === 'strict' && { maxDurationMs: MAX_DURATION_MS }),
});

function chosenFaults(): Fault[] {
  const wanted = values.fault;
  const possible = allFaults.filter(({ needsShared }) => hasShared || needsShared !== true);
  if (wanted === undefined) return possible.filter(({ isLong }) => values.long || isLong !== true);
  return wanted.map((name) => {
    const fault = possible.find((one) => one.name === name);
    if (fault === undefined)
      throw new Error(
        `No fault of this run is called '${name}'. There are: ${possible.map((one) => one.name).join('; ')}`,
      );
    return fault;
  });
}

if (values.help) console.log(help);
else if (isEnclosed()) {
  endWithOutside();
  process.exit(await runFleet());
} else {
  orUsage(chosenFaults);
  orUsage(sizes);
  orUsage(checkChoices);
  runEnclosed(fileURLToPath(import.meta.url));
}
