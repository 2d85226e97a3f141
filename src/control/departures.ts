import { isProcessAlive } from '../core/process-name.ts';

/** A process that cannot be looked at (of another container) counts as ended after this. */
const UNSEEN_LIMIT_MS = 5 * 60_000;

interface Departure {
  /** Of its process; undefined where it cannot be seen from here. */
  readonly processName: string | undefined;
  readonly since: number;
}

/** Members whose connection is gone: some come back, of others the process has ended. */
export class Departures {
  readonly #gone = new Map<string, Departure>();

  left(member: string, processName: string | undefined, now: number): void {
    this.#gone.set(member, { processName, since: now });
  }

  returned(member: string): void {
    this.#gone.delete(member);
  }

  /** The processes that will not come back; each is returned once. */
  ended(now: number): string[] {
    const ended = [...this.#gone].flatMap(([member, { processName, since }]) => {
      const isOver = processName === undefined ? now - since >= UNSEEN_LIMIT_MS : !isProcessAlive(processName);
      return isOver ? [member] : [];
    });
    for (const member of ended) this.#gone.delete(member);
    return ended;
  }
}
