import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The start time of a process, in a form that differs for every process with the same id, also after a reboot. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim() || undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended, although its parent has not reaped it yet.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** A unique name for a process: its id and a digest of its start time. Undefined if it has ended. */
export function processName(pid: number): string | undefined {
  const start = startOf(pid);
  return start === undefined ? undefined : `${pid}-${createHash('sha256').update(start).digest('hex').slice(0, 8)}`;
}

/** Whether the process of this name still runs; another process with the same id does not count. */
export function isProcessAlive(name: string): boolean {
  return name !== '' && processName(Number(name.split('-')[0])) === name;
}
