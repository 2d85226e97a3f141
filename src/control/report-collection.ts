import type { Clock } from '../core/clock.ts';

/** Longest time that a scrape waits for fresh reports. */
const COLLECT_LIMIT_MS = 250;

/** Asks members for a report each, and waits until all have answered, but no longer than the limit. */
export class ReportCollection<Member> {
  readonly #clock: Clock;
  readonly #ask: (member: Member) => void;
  readonly #awaited = new Set<Member>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, ask: (member: Member) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  collect(members: readonly Member[]): Promise<void> {
    if (members.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = this.#clock.setTimeout(() => done(), COLLECT_LIMIT_MS);
      const done = (): void => {
        limit.cancel();
        this.#waiting.delete(done);
        if (this.#waiting.size === 0) this.#awaited.clear();
        resolve();
      };
      this.#waiting.add(done);
      for (const member of members) {
        this.#awaited.add(member);
        this.#ask(member);
      }
    });
  }

  /** A member has reported or has disconnected. */
  answered(member: Member): void {
    if (!this.#awaited.delete(member) || this.#awaited.size > 0) return;
    for (const done of this.#waiting) done();
  }
}
