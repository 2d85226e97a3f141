import { readFileSync } from 'node:fs';

/**
 * How long the main thread of a process has waited for a processor since its start, in milliseconds; 0 if the system
 * does not report it.
 */
export function starvedMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
}

/** Whether a signal (SIGSTOP) has stopped a process; false for a process that a debugger holds. */
export function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  } catch {
    return false;
  }
}
