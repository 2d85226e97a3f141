import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** When a process was started, in a form that no other process with the same id has, this boot or another. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim() || undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended, though its parent has not looked yet.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** A name for a process that no other ever has: its id and a digest of when it was started. Undefined when it has ended. */
export function processName(pid: number): string | undefined {
  const start = startOf(pid);
  return start === undefined ? undefined : `${pid}-${createHash('sha256').update(start).digest('hex').slice(0, 8)}`;
}

/** Whether the very process of this name still runs; another one with its id does not count. */
export function isProcessAlive(name: string): boolean {
  return name !== '' && processName(Number(name.split('-')[0])) === name;
}
