import { codeOf } from '../../../src/core/errors.ts';

/** Sends a signal to each process that is still there: a supervisor may have ended one in the meantime. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  }
}
