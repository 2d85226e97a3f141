import { constants } from 'node:os';

/** Signals that ask a command to stop. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Thrown where a signal ended a wait. */
export class Interrupted extends Error {
  /** The exit code that a shell reports for a process which this signal has ended. */
  readonly code: number;

  constructor(signal: StopSignal) {
    super(signal);
    this.code = 128 + constants.signals[signal];
  }
}
