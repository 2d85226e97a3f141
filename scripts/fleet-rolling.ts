// npm run fleet:rolling: every host of a fleet is restarted, one after another, at a steady load with kept connections. Progress goes to
// standard error.
import { fileURLToPath } from 'node:url';
import { restartAll, rollingTable } from '../test/fleet/rolling.ts';
import { fleetOptions, runFleetCommand, startStrictFleet } from './fleet-command.ts';
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

interface Wanted {
  readonly hosts: number;
  readonly perSecond: number;
  readonly rounds: number;
  readonly isForDocs: boolean;
}

async function runRolling({ hosts, perSecond, rounds, isForDocs }: Wanted): Promise<number> {
  const fleet = await startStrictFleet({ hosts, cap: CAP, serviceMs: SERVICE_MS, usersPerHost: 0 });
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

await runFleetCommand({
  script: fileURLToPath(import.meta.url),
  help,
  options: {
    ...fleetOptions,
    rate: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '7' },
  },
  read: (values): Wanted => ({
    hosts: wholeOption('hosts', values.hosts, 1, 16),
    perSecond: wholeOption('rate', values.rate, 1, 5000),
    rounds: wholeOption('rounds', values.rounds, 1, 100),
    isForDocs: values.docs,
  }),
  run: runRolling,
});
