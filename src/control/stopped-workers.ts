import type { Logger } from 'pino';
import type { Clock, Timer } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { processName } from '../core/process-name.ts';
import { isStopped } from '../core/process-state.ts';

const INTERVAL_MS = 250;
/** A process is ended after this many checks in a row at which it was stopped. */
const MOST_LOOKS = 8;

interface Watched {
  readonly pid: number;
  readonly name: string;
  looks: number;
}

/**
 * Ends workers that a signal has stopped, so that their supervisor replaces them. A worker whose event loop hangs ends
 * itself; a worker whose threads are all stopped cannot, and pm2 does not notice.
 */
export class StoppedWorkers {
  readonly #clock: Clock;
  readonly #onEnd: (pid: number) => void;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;

  constructor(clock: Clock, onEnd: (pid: number) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#look();
  }

  /** A worker of this pid namespace. */
  joined(member: string, pid: number): void {
    const name = processName(pid);
    if (name !== undefined) this.#watched.set(member, { pid, name, looks: 0 });
  }

  /** A worker has disconnected, so it is not stopped: a stopped worker keeps its connection. */
  left(member: string): void {
    this.#watched.delete(member);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    for (const [member, watched] of this.#watched) {
      watched.looks = isStopped(watched.pid) ? watched.looks + 1 : 0;
      if (watched.looks < MOST_LOOKS) continue;
      this.#watched.delete(member);
      // Another process may have the same id by now.
      if (processName(watched.pid) === watched.name) this.#onEnd(watched.pid);
    }
    this.#timer = this.#clock.setTimeout(() => this.#look(), INTERVAL_MS);
  }
}

/** Kills a worker that stands still. */
export function endStopped(pid: number, log: Logger): void {
  log.warn({ worker: pid }, 'a worker stands still: ending it, so that another takes its place');
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    log.warn({ worker: pid, reason: messageOf(error) }, 'the worker could not be ended');
  }
}
