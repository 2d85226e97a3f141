// npm run fleet:rolling: every host of a fleet is restarted, one after another, at a steady load with kept connections. Progress goes to
// standard error.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/core/errors.ts';
import { endWithOutside, isEnclosed } from '../test/fleet/enclosure.ts';
import { Fleet } from '../test/fleet/fleet.ts';
import { restartAll, rollingTable } from '../test/fleet/rolling.ts';
import { runEnclosed } from './run-enclosed.ts';
import { wholeOption } from './whole-option.ts';
import { writeTable } from './write-table.ts';

const help = `usage: npm run fleet:rolling -- [options]
  --hosts N      gateway hosts (3)
  --rate N       requests a second to the whole fleet (1000)
  --rounds N     restarts of each host (7)
  --docs         puts the table into docs/fleet-proof.md
Exit code: 0 when no request failed and the cap held, 1 otherwise, 2 for wrong usage or a machine that cannot do it.`;

const CAP = 48;
const SERVICE_MS = 10;

const options = {
  hosts: { type: 'string', default: '3' },
  rate: { type: 'string', default: '1000' },
  rounds: { type: 'string', default: '7' },
  docs: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Wanted {
  readonly hosts: number;
  readonly perSecond: number;
  readonly rounds: number;
  readonly isForDocs: boolean;
}

/** Undefined after it has answered for help or wrong usage. */
function readWanted(): Wanted | undefined {
  try {
    const { values } = parseArgs({ options });
    if (values.help) return void console.log(help);
    const whole = (name: 'hosts' | 'rate' | 'rounds', most: number): number => wholeOption(name, values[name], 1, most);
    return {
      hosts: whole('hosts', 16),
      perSecond: whole('rate', 5000),
      rounds: whole('rounds', 100),
      isForDocs: values.docs,
    };
  } catch (error) {
    console.error(`fleet: ${messageOf(error)}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function runRolling({ hosts, perSecond, rounds, isForDocs }: Wanted): Promise<number> {
  const fleet = await Fleet.place({
    hosts,
    seed: 1,
    workers: 1,
    cap: CAP,
    hostCap: CAP,
    serviceMs: SERVICE_MS,
    usersPerHost: 0,
    stragglers: 0,
    joiners: 0,
    hasLedger: true,
    upstream: { scope: 'fleet', mode: 'strict', maxDurationMs: 3000 },
    limit: { perSecond: 20, burst: 5 },
  });
  console.error(`Starting ${hosts} hosts, a backend with cap ${CAP}, Valkey with replica and sentinel`);
  await fleet.start();
  const result = await restartAll(fleet, { perSecond, rounds, say: (line) => console.error(line) });
  const failed = Object.entries(result.failures).map(([outcome, count]) => `${count} × ${outcome}`);
  const sum =
    `${result.restarts.length} restarts at ${Math.round(result.perSecond)} requests a second: ${result.calls} calls, ` +
    `${failed.length === 0 ? 'none failed' : `failed: ${failed.join(', ')}`}; at most ${result.mostInFlight} in flight of ${CAP}.`;
  const text = `${rollingTable(result)}\n\n${sum}`;
  console.log(text);
  if (isForDocs) writeTable('fleet-proof.md', 'rolling restart', `\n${text}\n`);
  return failed.length === 0 && result.mostInFlight <= CAP ? 0 : 1;
}

const wanted = readWanted();
if (wanted !== undefined && isEnclosed()) {
  endWithOutside();
  process.exit(await runRolling(wanted));
} else if (wanted !== undefined) runEnclosed(fileURLToPath(import.meta.url));
