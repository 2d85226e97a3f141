import { UsageError } from '../core/errors.ts';
import type { HostVerdictState } from '../protocol/live-view.ts';

/** Exit code of a command that tells the state of a host and could not find out. */
export const NO_NEWS = 3;
const WRONG_USAGE = 64;

const codes: Readonly<Record<HostVerdictState, number>> = {
  well: 0,
  degraded: 1,
  overloaded: 1,
  down: 2,
  'no-news': NO_NEWS,
};

/** The exit code that tells the state, so that the command serves as a check. */
export const stateCode = (state: HostVerdictState): number => codes[state];

/** The other exit codes tell the state of the host, so wrong usage has one of its own. */
export function withWrongUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message, error.problems, WRONG_USAGE);
  }
}
