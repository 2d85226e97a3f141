import { readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { codeOf } from './errors.ts';

const NICE = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * Lets other processes go first. Linux may share the processors among sessions before it looks at the priorities within
 * each (autogroups, sched(7)), so a process that leads a session of its own has that lowered as well. Throws the system's
 * error.
 */
export function lowerPriority(pid: number): void {
  setPriority(pid, NICE);
  if (sessionOf(pid) !== pid) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(NICE));
  } catch (error) {
    // A kernel without autogroups, or a file system that may not be written: the priority alone counts there.
    if (!['ENOENT', 'EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
  }
}

/** The leader of the session that a process belongs to; undefined where there is no /proc. */
function sessionOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may have spaces and brackets: state, parent, group, session.
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}
