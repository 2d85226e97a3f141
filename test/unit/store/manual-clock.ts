import { ManualClock as PlainClock } from '../../support/manual-clock.ts';

/** The manual clock, for what goes on in promises: it lets all that follows from each timer happen before the next. */
export class ManualClock extends PlainClock {
  constructor() {
    super(Date.UTC(2026, 10, 21));
  }

  override async advance(ms: number): Promise<void> {
    const endMs = this.now() + ms;
    await settled();
    while (this.step(endMs)) await settled();
  }
}

/** Resolves when nothing is left to do that does not wait for the outside. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise(setImmediate);
}
