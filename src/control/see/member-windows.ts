import type { MemberFacts } from './facts.ts';
import type { Totals } from './totals.ts';
import { CountedWindow } from './counted-window.ts';

interface Sample {
  readonly at: number;
  readonly totals: Totals;
}

/** What each process has counted within the last seconds. */
export class MemberWindows {
  readonly #seconds: number;
  #samples: ReadonlyMap<string, readonly Sample[]> = new Map();

  /** `seconds`: how far back it can look. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  look(members: readonly MemberFacts[], now: number): void {
    this.#samples = new Map(
      members.map(({ id, totals }) => [
        id,
        [...(this.#samples.get(id) ?? []), { at: now, totals }].slice(-(this.#seconds + 1)),
      ]),
    );
  }

  /** By the id of the process; without those that have connected just now. */
  over(seconds: number): Map<string, CountedWindow> {
    const windows = new Map<string, CountedWindow>();
    for (const [id, samples] of this.#samples) {
      const end = samples.at(-1);
      const start = samples.at(-1 - seconds) ?? samples[0];
      if (end === undefined || start === undefined || end === start) continue;
      windows.set(id, new CountedWindow(start.totals, end.totals, (end.at - start.at) / 1000));
    }
    return windows;
  }
}
