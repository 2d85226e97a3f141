import { isProcessAlive } from '../core/process-name.ts';

/** A process that control cannot look at (in another container) counts as ended after this time. */
const UNSEEN_LIMIT_MS = 5 * 60_000;

interface Departure {
  /** The name of the process; undefined if control cannot look at it. */
  readonly processName: string | undefined;
  readonly since: number;
}

/** Members that have disconnected: some reconnect, and the processes of the others have ended. */
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
