import { systemClock } from '../core/clock.ts';
import { codeOf, UsageError } from '../core/errors.ts';
import { isProcessAlive } from '../core/process-name.ts';
import type { ProcessRecord } from '../supervisor/process-records.ts';
import { lookForInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart stop [--now]

Stops the instance of RAMPART_DATA_DIR as Ctrl-C does: open requests are answered, records are written. Resolves when it
has ended.
  --now   do not wait for open requests

Processes that pm2, systemd or a person has started are theirs: the command names them and stops none of them. What a
killed supervisor has left behind is stopped.

Exit codes: 0 it has ended, 1 it has not, or somebody else has started it, 2 nothing runs, or wrong usage.
`;

const POLL_MS = 50;
/** A second signal within this time counts as part of the first one. */
const SECOND_SIGNAL_MS = 300;
/** Longer than any drain that is not set to be unlimited. */
const LIMIT_MS = 60 * 60_000;

/** `rampart stop`. */
export async function stop(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'stop', help, options: { now: 'flag' } }, args, io);
  if (options === undefined) return exitCodes.ok;
  const { dataDir, processes } = lookForInstance(io);
  if (processes.length === 0) {
    throw new UsageError(
      `Cannot stop, as nothing of Rampart runs for ${dataDir}. Set RAMPART_DATA_DIR to the data directory of the instance`,
    );
  }
  const supervisor = processes.find(({ role }) => role === 'supervisor');
  const ours = supervisor === undefined ? inStopOrder(processes.filter(({ supervised }) => supervised)) : [supervisor];
  const others = processes.filter(({ role, supervised }) => !supervised && role !== 'supervisor');
  for (const process of ours) await end(process, options.flag('now'));
  if (others.length === 0) {
    io.stderr.write(`rampart: stopped\n`);
    return exitCodes.ok;
  }
  const list = others.map(({ role, instance, pid }) => `${role} ${instance} (process ${pid})`).join(', ');
  io.stderr.write(
    `rampart: these were not started by rampart start, so whoever has started them must stop them (under pm2: pm2 delete control gateway generator batch): ${list}\n`,
  );
  return exitCodes.failed;
}

/** Workers first, so that everything under way is answered; then what they used. */
function inStopOrder(processes: readonly ProcessRecord[]): ProcessRecord[] {
  const order = ['batch', 'gateway', 'generator', 'control'];
  return processes.toSorted((left, right) => order.indexOf(left.role) - order.indexOf(right.role));
}

async function end({ pid, name }: ProcessRecord, isNow: boolean): Promise<void> {
  kill(pid, 'SIGTERM');
  if (isNow) {
    await pause(SECOND_SIGNAL_MS);
    if (isProcessAlive(name)) kill(pid, 'SIGTERM');
  }
  const until = systemClock.now() + LIMIT_MS;
  while (isProcessAlive(name) && systemClock.now() < until) await pause(POLL_MS);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended in the meantime.
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.setTimeout(resolve, ms));
