import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import { askControl } from '../control/link.ts';
import { UsageError } from '../core/errors.ts';
import { askingUser } from './asking-user.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { reloadFleet } from './reload-fleet.ts';
import { reloadWorkers } from './reload-workers.ts';
import { findInstance } from './instance.ts';
import { linesText } from './terminal-text.ts';

const help = `usage: rampart reload [--dry-run] [--force] [--json]
       rampart reload --fleet [--dry-run] [--force] [--at-restart] [--json]
       rampart reload --workers [--dry-run]

Puts the configuration file as it is now in force on the running instance of RAMPART_DATA_DIR, whoever has started it.
The file is checked, every worker builds what it needs, and then all of them use it as one version, or none does. No
worker is replaced; requests, tunnels and event streams in flight end as they began. Prints what changes.
  --dry-run   only say what would change
  --force     make the change though it takes away most backends of an upstream, or all of them
  --json      print the result as JSON
  --fleet     put the file of this host in force on all hosts with the same VALKEY_URL and DATABASE_URL, or on none. Values that the
              file takes from the environment are those of this host; paths in it are looked up on each host. Prints what
              each host says. A host that is down takes the version when it starts
  --at-restart
              with --fleet: also take changes that need a restart. Each host on which they need one takes the version when
              it starts again; 'rampart fleet status' shows which hosts have it
  --workers   replace the workers one after another, for new code (under pm2 also for new variables). If a new one does
              not start, the old ones stay

Exit codes: 0 in force, or nothing to change; 1 refused, and nothing has changed (--fleet: or a host could not put in force what it had
accepted); 2 wrong usage, nothing runs, or --fleet without VALKEY_URL or DATABASE_URL.
`;

/** Evaluating the file takes 5 s at most, the workers 2 s for each of two steps. */
const ANSWER_LIMIT_MS = 30_000;

/** `rampart reload`. */
export async function reload(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions(
    {
      command: 'reload',
      help,
      options: { 'dry-run': 'flag', force: 'flag', json: 'flag', workers: 'flag', fleet: 'flag', 'at-restart': 'flag' },
    },
    args,
    io,
  );
  if (options === undefined) return exitCodes.ok;
  const dryRun = options.flag('dry-run');
  if (options.flag('workers') && options.flag('fleet'))
    options.problem('--fleet reloads the configuration, and --workers the code: give one of them');
  if (options.flag('at-restart') && !options.flag('fleet'))
    options.problem('--at-restart is for --fleet; one host takes its file when it starts again, without a command');
  options.check();
  if (options.flag('fleet')) return reloadFleet(options, io);
  if (options.flag('workers')) return reloadWorkers(io, dryRun);
  const { runFolder, dataDir } = findInstance(io, 'reload');
  const who = `${askingUser()}, rampart reload`;
  const ask = { type: 'ask', what: 'reload', dryRun, force: options.flag('force'), who } as const;
  const answer = await askControl(controlSocket(runFolder), ask, ANSWER_LIMIT_MS);
  if (answer === undefined) {
    throw new UsageError(`Cannot reload, as the control of ${dataDir} does not answer. Its log says why`);
  }
  const result = reloadResult.parse(answer);
  io.stdout.write(options.flag('json') ? `${JSON.stringify(answer, undefined, 2)}\n` : resultText(result));
  return result.outcome === 'refused' ? exitCodes.failed : exitCodes.ok;
}

const reloadResult = z.object({
  outcome: z.enum(['applied', 'unchanged', 'checked', 'refused']),
  number: z.number(),
  hash: z.string(),
  changes: z.array(z.object({ class: z.string(), text: z.string() })),
  problems: z.array(z.string()),
  remarks: z.array(z.string()),
});

function resultText({ outcome, number, hash, changes, problems, remarks }: z.infer<typeof reloadResult>): string {
  const version = `version ${number} (${hash.slice(0, 12)})`;
  const heads = {
    applied: `${version} is in force on all workers`,
    unchanged: `nothing to do: ${version} is in force, and the file says the same`,
    checked: `the file is sound; without --dry-run it would change this, from ${version} on`,
    refused: `refused: nothing has changed, ${version} stays in force`,
  };
  return linesText([
    heads[outcome],
    ...problems.map((problem) => `  - ${problem}`),
    ...changes.map((change) => `  ${change.class.padEnd(8)}${change.text}`),
    ...remarks.map((remark) => `  note    ${remark}`),
  ]);
}
