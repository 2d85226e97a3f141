import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Who owns a spill file, and how to tell whether that process is still there. */
export interface Owner {
  /** Unique among all processes since the machine was made: letters, digits and hyphens. */
  readonly name: string;
  isAlive(name: string): boolean;
}

/** When a process was started, in a form that no other process with the same id has, this boot or another. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim() || undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted from behind the command's name, which may hold anything: the start in ticks since boot.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')} ${ticks}`;
  } catch {
    return undefined;
  }
}

function nameOf(pid: number): string | undefined {
  const start = startOf(pid);
  if (start === undefined) return undefined;
  return `${pid}-${createHash('sha256').update(start).digest('hex').slice(0, 8)}`;
}

/** This process. Its id alone would not do: after a restart of the machine, something else has it. */
export function thisProcess(): Owner {
  return {
    name: nameOf(process.pid) ?? `${process.pid}-00000000`,
    isAlive: (name) => nameOf(Number(name.split('-')[0])) === name,
  };
}
