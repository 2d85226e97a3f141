import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { messageOf } from '../src/core/errors.ts';
import { endWithOutside, isEnclosed } from '../test/fleet/enclosure.ts';
import { Fleet } from '../test/fleet/fleet.ts';
import { runEnclosed } from './run-enclosed.ts';

/** The options that every command has. */
export const fleetOptions = {
  hosts: { type: 'string', default: '3' },
  docs: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: Options }>>['values'];

export interface FleetCommand<Options extends ParseArgsOptionsConfig, Wanted> {
  readonly script: string;
  readonly help: string;
  readonly options: Options;
  /** Throws an Error that says what is wrong with them. */
  readonly read: (values: Values<Options>) => Wanted;
  /** Runs in namespaces of its own. Returns the exit code. */
  readonly run: (wanted: Wanted) => Promise<number>;
}

/** Runs a command about a fleet in namespaces. Exit code 2 for wrong usage or a machine that cannot do it. */
export async function runFleetCommand<Options extends ParseArgsOptionsConfig, Wanted>({
  script,
  help,
  options,
  read,
  run,
}: FleetCommand<Options, Wanted>): Promise<void> {
  let wanted: Wanted;
  try {
    const { values } = parseArgs({ options });
    if ((values as { help?: boolean }).help === true) return console.log(help);
    wanted = read(values);
  } catch (error) {
    console.error(`fleet: ${messageOf(error)}`);
    process.exitCode = 2;
    return;
  }
  if (!isEnclosed()) return runEnclosed(script);
  endWithOutside();
  process.exit(await run(wanted));
}

/** Starts hosts that share one cap strictly. */
export async function startStrictFleet(size: {
  readonly hosts: number;
  readonly cap: number;
  readonly serviceMs: number;
  readonly usersPerHost: number;
}): Promise<Fleet> {
  const { hosts, cap } = size;
  const fleet = await Fleet.place({
    ...size,
    seed: 1,
    workers: 1,
    hostCap: cap,
    stragglers: 0,
    joiners: 0,
    hasLedger: true,
    hasShared: false,
    upstream: { scope: 'fleet', mode: 'strict', maxDurationMs: 3000 },
    limit: { perSecond: 20, burst: 5 },
  });
  console.error(`Starting ${hosts} hosts, a backend with cap ${cap}, Valkey with replica and sentinel`);
  await fleet.start();
  return fleet;
}
